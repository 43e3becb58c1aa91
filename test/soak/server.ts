import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { compileCache, root, type RuntimeName, runtimes } from "../support/process.ts";
import type { Ledger } from "./ledger.ts";

/** The secret of the servers. */
export const secret = "a secret only for the soak";

// Some jobs fail at first, some hang until they are aborted, some are given up. What is slow takes
// longer than a lease.
const config = `import { setTimeout as pause } from "node:timers/promises";
export default {
  worker: {
    leaseMs: 3_000, pollMs: 200, timeoutMs: 1_500, maxAttempts: 50, concurrency: 20,
    backoff: { firstMs: 200, maxMs: 2_000 },
  },
  processors: {
    async work({ data: { job_id: job } }, { id, attempt, signal, log }) {
      log.info("soak begins", { job: Number(job) });
      await pause(5 * Math.random());
      const hopeless = job % 1_000 === 999;
      if (hopeless) throw Object.assign(new Error("no"), { name: "PermanentError" });
      if (attempt === 1 && job % 500 === 7) await new Promise(() => {});
      if (attempt === 1 && job % 50 === 3) throw new Error("not yet");
    },
  },
};`;

/** A server that is started again whenever it ends. */
export interface SoakServer {
  /** Where it listens; undefined while it does not. */
  url(): string | undefined;
  pid(): number | undefined;
  /** The exit code of each process that ended, or the signal that ended it. */
  readonly ends: readonly (number | string)[];
  /** Sends a signal. After one that ends it, it is started again. */
  signal(name: NodeJS.Signals): void;
  /** Resolves when it listens. */
  ready(): Promise<void>;
  /** Ends it for good; its exit code, however often it is asked for. */
  stop(): Promise<number | null>;
}

/** What {@linkcode startServer} takes. */
export interface ServerOptions {
  /** The folder that servers share. */
  readonly cwd: string;
  /** What runs it, one after another; the first again after the last. Default Node.js. */
  readonly runtimes?: readonly RuntimeName[];
  /** Settings beside the secret and the address. */
  readonly env?: Readonly<Record<string, string>>;
  /** Is told of each message in its log, where it wants to know of those. */
  readonly log?: {
    readonly wanted: RegExp;
    read(line: Readonly<Record<string, unknown>>): void;
  };
}

/** Fills the folder with what the servers share. */
export async function prepareFolder(cwd: string): Promise<void> {
  await writeFile(join(cwd, "imggo.config.mjs"), config);
}

/** Starts a server of the soak over the SQLite file of a folder, and tells the ledger what it runs. */
export function startSoakServer(cwd: string, ledger: Ledger): SoakServer {
  return startServer({
    cwd,
    log: {
      wanted: /"message":"(?:soak begins|delivery succeeded)"/,
      read({ message, id, job }) {
        if (message === "soak begins") ledger.begin(Number(job), String(id));
        else ledger.succeed(String(id));
      },
    },
  });
}

/** Starts a server. */
export function startServer(
  { cwd, runtimes: turns = ["node"], env = {}, log }: ServerOptions,
): SoakServer {
  const ends: (number | string)[] = [];
  const dying = new WeakSet<ChildProcess>();
  let child: ChildProcess;
  let url: string | undefined;
  let stopped: Promise<number | null> | undefined;
  let isReady = true;
  let onReady = () => {};
  let readied = Promise.resolve();

  const leave = () => {
    url = undefined;
    if (!isReady) return;
    isReady = false;
    readied = new Promise((resolve) => {
      onReady = () => {
        isReady = true;
        resolve();
      };
    });
  };

  const read = (from: ChildProcess, line: string) => {
    // What a kill left of a line says nothing.
    if (!line.endsWith("}")) return;
    if (line.includes('"message":"listening"')) {
      if (dying.has(from)) return;
      url = JSON.parse(line).url;
      onReady();
    } else if (log?.wanted.test(line)) log.read(JSON.parse(line));
  };

  const start = () => {
    leave();
    const { PATH = "", HOME = "" } = process.env;
    const runtime = turns[ends.length % turns.length] ?? "node";
    const [command = "", ...args] = runtimes[runtime];
    const started = spawn(command, [...args, `${root}src/entry/${runtime}.ts`], {
      cwd,
      env: {
        ...{ PATH, HOME, NODE_COMPILE_CACHE: compileCache },
        ...{ WEBHOOK_SECRET: secret, HOST: "127.0.0.1", PORT: "0" },
        ...env,
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    child = started;
    createInterface({ input: started.stdout }).on("line", (line) => read(started, line));
    started.on("exit", leave);
    started.on("close", (code, signal) => {
      ends.push(code ?? signal ?? "");
      if (stopped === undefined) start();
    });
  };
  start();

  const stop = async () => {
    const ended = once(child, "close");
    child.kill("SIGTERM");
    const [code] = await ended;
    return code;
  };

  return {
    url: () => url,
    pid: () => child.pid,
    ends,
    signal(name) {
      if (name === "SIGKILL") {
        dying.add(child);
        leave();
      }
      child.kill(name);
    },
    ready: () => readied,
    stop: () => stopped ??= stop(),
  };
}
