// `npm run mutate`: changes the product in small ways, one at a time, and sees whether tests notice.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { root } from "../support/process.ts";
import { mutantsOf } from "./mutants.ts";
import { type Placed, runTests } from "./run-tests.ts";
import { type Target, targets } from "./targets.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    // Which of those that are many; the same seed chooses the same ones.
    seed: { type: "string", default: "1" },
    sample: { type: "string" },
    // Where, as survivors are told: after tests were added for them.
    only: { type: "string", multiple: true },
  },
});

const atOnce = 3;
const leastNoticed = 0.9;
const say = console.log;

function filesOf({ sources }: Target): string[] {
  return sources.map((source) => join(root, "src", source)).flatMap((path) =>
    statSync(path).isDirectory()
      ? readdirSync(path).filter((name) => name.endsWith(".ts")).map((name) => join(path, name))
      : [path]
  );
}

/** So many of a list, the same ones each time. */
function sampleOf<Item>(items: readonly Item[], count: number): Item[] {
  let state = Number(values.seed);
  const drawn = items.map((item) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return [state, item] as const;
  });
  return drawn.sort(([one], [other]) => one - other).slice(0, count).map(([, item]) => item);
}

/** Tries each mutant; those that no test notices. */
async function survivorsOf(target: Target, mutants: readonly Placed[]): Promise<Placed[]> {
  const { tests, thorough = [], runtime = "node" } = target;
  const stages = [tests, ...thorough.map((file) => [file])].map((files) => ({
    files,
    withinMs: 120_000,
  }));
  for (const stage of stages) {
    const { passed, ms, output } = await runTests(stage.files, runtime, undefined, stage.withinMs);
    if (!passed) throw new Error(`The tests fail without a change:\n${output}`);
    // Where a change makes something go on for ever.
    stage.withinMs = 3 * ms + 10_000;
  }
  const isNoticed = async (mutant: Placed) => {
    for (const { files, withinMs } of stages) {
      if (!(await runTests(files, runtime, mutant, withinMs)).passed) return true;
    }
    return false;
  };
  const survivors: Placed[] = [];
  const left = [...mutants];
  const work = async () => {
    for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
      if (await isNoticed(mutant)) continue;
      survivors.push(mutant);
      say(`  ${describe(mutant)}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return survivors;
}

function describe({ path, line, start, end, replacement }: Placed): string {
  const before = readFileSync(path, "utf8").slice(start, end).replace(/\s+/g, " ").trim();
  const change = replacement === ";" || replacement === ""
    ? `without ${before}`
    : `${before} → ${replacement.replace(/\s+/g, " ").trim()}`;
  return `${placeOf({ path, line })}  ${change}`;
}

function placeOf({ path, line }: Pick<Placed, "path" | "line">): string {
  return `${relative(root, path)}:${line}`;
}

const chosen = positionals.length === 0
  ? targets
  : targets.filter(({ name }) => positionals.includes(name));
if (chosen.length === 0) {
  const names = targets.map(({ name }) => JSON.stringify(name)).join(", ");
  throw new TypeError(`Expected some of ${names}, or nothing for all.`);
}
for (const target of chosen) {
  const all = filesOf(target).flatMap((path) =>
    mutantsOf(readFileSync(path, "utf8")).map((mutant) => ({ ...mutant, path }))
  ).filter((mutant) => values.only?.some((place) => placeOf(mutant).endsWith(place)) ?? true);
  const mutants = sampleOf(all, Number(values.sample ?? target.sample ?? all.length));
  say(`${target.name}: ${mutants.length} of ${all.length} changes; not noticed:`);
  const survivors = await survivorsOf(target, mutants);
  const noticed = 1 - survivors.length / mutants.length;
  say(`${target.name}: ${(noticed * 100).toFixed(1)} % noticed`);
  if (noticed < leastNoticed) process.exitCode = 1;
}
