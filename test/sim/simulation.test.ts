import { describe, expect, test } from "vitest";
import { root, runtimes, startProcess } from "../support/process.ts";
import { mistakes } from "./mistakes.ts";
import { simulate } from "./simulate.ts";

const seeds = 2_000;

async function logOf(seed: number): Promise<string[]> {
  const lines: string[] = [];
  await simulate(seed, { log: (line) => lines.push(line) });
  return lines;
}

describe("simulate()", () => {
  test(`keeps every promise with each of ${seeds} seeds`, { timeout: 120_000 }, async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { broken } = await simulate(seed);
      expect(broken, `npm run sim -- --seed ${seed}`).toBeUndefined();
    }
  });

  test("does the same for the same seed, line for line, and something else for another", async () => {
    const [first, again, other] = [await logOf(9), await logOf(9), await logOf(8)];
    expect(first.length).toBeGreaterThan(100);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  test("is replayed by `npm run sim -- --seed`, in another process", async () => {
    const replay = [...runtimes.node, `${root}test/sim/run.ts`, "--seed", "20"];
    const replaying = startProcess(replay, { cwd: root, env: {} });
    const log = await logOf(20);
    expect(await replaying.ended).toBe(0);
    expect(replaying.output().trimEnd().split("\n").slice(0, -1)).toEqual(log);
  });

  test("leaves time and randomness as they were", async () => {
    const before = [Date, setTimeout, performance.now, Math.random, crypto, crypto.subtle];
    await simulate(1);
    expect([Date, setTimeout, performance.now, Math.random, crypto, crypto.subtle]).toEqual(before);
  });
});

describe("simulate() notices", () => {
  test.each(Object.entries(mistakes))("%s", async (_, mistake) => {
    let broken: string | undefined;
    for (let seed = 1; seed <= 200 && broken === undefined; seed++) {
      ({ broken } = await simulate(seed, { mistake }));
    }
    expect(broken).toBeTypeOf("string");
  });
});
