import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { Readable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The checkout's root. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

const bin = `${root}node_modules/.bin/`;
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** A runtime that servers run on. */
export type RuntimeName = "node" | "bun" | "deno";

/** How each runtime runs a TypeScript file of the checkout, from any folder. */
export const runtimes: Readonly<Record<RuntimeName, readonly string[]>> = {
  node: [`${bin}node`],
  bun: [`${bin}bun`],
  deno: [`${bin}deno`, "run", "-A", "--config", `${root}deno.json`],
};

/** How the scripts of the checkout run one on Node.js: so it imports `imggo-webhooks` too. */
export const nodeWithTsx: readonly string[] = [...runtimes.node, "--import", tsx];

/** To compile everything anew takes most of the processes longer than what they do then. */
export const compileCache: string = `${root}node_modules/.cache/node`;

const running = new Set<ChildProcess>();

/** Ends every process that still runs: a test that fails may leave some. */
export function endProcesses(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** A process that a test started. */
export interface Process {
  readonly child: ChildProcess;
  /** What it printed so far, on both streams. */
  output(): string;
  /**
   * Waits until what it printed matches, so many times. The first match. Rejects when it ends
   * without.
   */
  prints(pattern: RegExp, times?: number): Promise<RegExpMatchArray>;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Sends a signal, and waits for the end. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

/** Where a process runs, and with what. */
export interface ProcessOptions {
  readonly env: Record<string, string>;
  readonly cwd: string;
  /** Its standard input, as it comes. Default none. */
  readonly input?: AsyncIterable<string>;
}

/** Starts a process with just this environment and the path. */
export function startProcess(
  [command = "", ...args]: readonly string[],
  { env, cwd, input }: ProcessOptions,
): Process {
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(command, args, {
    cwd,
    env: { PATH, HOME, NODE_COMPILE_CACHE: compileCache, ...env },
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  if (input !== undefined && child.stdin) {
    // One that reads nothing has closed it.
    Readable.from(input).pipe(child.stdin).on("error", () => {});
  }
  let printed = "";
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      for (const watcher of watchers) watcher();
    });
  }
  const ended = once(child, "close").then(([code, signal]) => code ?? signal);
  running.add(child);
  ended.then(() => running.delete(child));
  return {
    child,
    output: () => printed,
    prints: (pattern, times = 1) =>
      new Promise((resolve, reject) => {
        const all = new RegExp(pattern, `${pattern.flags.replace("g", "")}g`);
        const watch = () => {
          const [first, ...more] = printed.matchAll(all);
          if (first === undefined || more.length + 1 < times) return;
          watchers.delete(watch);
          resolve(first);
        };
        watchers.add(watch);
        watch();
        ended.then((code) => reject(new Error(`ended with ${code}:\n${printed}`)));
      }),
    ended,
    end: (signal) => {
      child.kill(signal);
      return ended;
    },
  };
}

/** Waits for the line that a server logs when it listens; its webhook's URL. */
export async function listeningUrl({ prints }: Process): Promise<string> {
  const [, url = ""] = await prints(/"message":"listening","url":"([^"]+)"/);
  return url;
}
