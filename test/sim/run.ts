// `npm run sim`: many seeds, or one with a log of what happens.
import { parseArgs } from "node:util";
import { simulate } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "2000" },
    from: { type: "string", default: "1" },
  },
});

const say = console.log;

if (values.seed !== undefined) {
  const { broken, virtualMs } = await simulate(Number(values.seed), { log: (line) => say(line) });
  say(broken ? `BROKEN: ${broken}` : `All promises were kept, ${Math.round(virtualMs / 1_000)} s.`);
  process.exitCode = broken ? 1 : 0;
} else {
  const [from, seeds] = [Number(values.from), Number(values.seeds)];
  const hits = new Map<string, number>();
  const beganAt = performance.now();
  let steps = 0;
  let virtualMs = 0;
  let failures = 0;
  for (let seed = from; seed < from + seeds && failures < 5; seed++) {
    const outcome = await simulate(seed);
    steps += outcome.steps;
    virtualMs += outcome.virtualMs;
    for (const [what, count] of outcome.hits) hits.set(what, (hits.get(what) ?? 0) + count);
    if (outcome.broken !== undefined) {
      failures++;
      say(`seed ${seed}: ${outcome.broken}`);
      say(`  npm run sim -- --seed ${seed}`);
    }
    const done = seed - from + 1;
    if (done % 1_000 === 0) {
      const seconds = (performance.now() - beganAt) / 1_000;
      say(`${done} of ${seeds} seeds, ${seconds.toFixed(0)} s, ${failures} failed`);
    }
  }
  const rows = [...hits].sort(([one], [other]) => one < other ? -1 : 1);
  for (const [what, count] of rows) say(`${String(count).padStart(10)}  ${what}`);
  say(`${steps} steps, ${Math.round(virtualMs / 3_600_000)} hours of virtual time`);
  process.exitCode = failures > 0 ? 1 : 0;
}
