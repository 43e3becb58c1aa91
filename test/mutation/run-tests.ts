import { spawn } from "node:child_process";
import process from "node:process";
import { root } from "../support/process.ts";
import type { Mutant } from "./mutants.ts";

/** A mutant of a file. */
export interface Placed extends Mutant {
  /** Absolute. */
  readonly path: string;
}

const bin = `${root}node_modules/.bin/`;
const commands = {
  node: [`${bin}node`],
  deno: [`${bin}deno`, "run", "-A", "--node-modules-dir=manual"],
};

/** What tests said. */
export interface Tested {
  readonly passed: boolean;
  readonly ms: number;
  readonly output: string;
}

// Each has a group of its own: so that all that it started ends with it, also where this one is ended.
const running = new Set<number>();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    for (const pid of running) process.kill(-pid, "SIGKILL");
    process.exit(1);
  });
}

/** Runs tests with a change of the product, or without one. What takes longer has failed. */
export function runTests(
  tests: readonly string[],
  runtime: keyof typeof commands,
  mutant: Placed | undefined,
  withinMs: number,
): Promise<Tested> {
  const [command = "", ...before] = commands[runtime];
  const vitest = `${root}node_modules/vitest/vitest.mjs`;
  const files = tests.map((file) => `test/${file}`);
  const args = [...before, vitest, "run", "--config", "test/mutation/vitest.config.ts", ...files];
  const beganAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      detached: true,
      env: { ...process.env, MUTANT: JSON.stringify(mutant ?? {}), NO_COLOR: "1" },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => output += data);
    const pid = child.pid as number;
    running.add(pid);
    const timer = setTimeout(() => process.kill(-pid, "SIGKILL"), withinMs);
    child.once("close", (code) => {
      running.delete(pid);
      clearTimeout(timer);
      resolve({ passed: code === 0, ms: performance.now() - beganAt, output });
    });
  });
}
