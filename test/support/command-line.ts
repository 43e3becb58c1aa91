import { type Process, type ProcessOptions, root, runtimes, startProcess } from "./process.ts";

/** What a command came to. */
export interface Finished {
  readonly code: number | string;
  /** What it printed on both streams. */
  readonly output: string;
  /** The same, by lines. */
  readonly lines: readonly string[];
  /** What it printed on its standard error. */
  readonly errors: string;
}

/** Starts the command line, under Node.js. */
export function startCli(args: readonly string[], options: ProcessOptions): Process {
  return startProcess([...runtimes.node, `${root}src/cli/main.ts`, ...args], options);
}

/** Runs the command line to its end. */
export async function runCli(
  args: readonly string[],
  options: ProcessOptions,
): Promise<Finished> {
  const process = startCli(args, options);
  let errors = "";
  process.child.stderr?.on("data", (text: string) => errors += text);
  const code = await process.ended;
  const output = process.output();
  return { code, output, lines: output.trim().split("\n"), errors };
}
