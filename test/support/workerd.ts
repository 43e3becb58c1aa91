import { build, type BuildOptions, type BuildResult, type Plugin } from "esbuild";
import { Miniflare } from "miniflare";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A Worker's bundle, as wrangler makes it. */
export interface Bundle {
  readonly script: string;
  /** What is in it, and what it imports from outside. */
  readonly metafile: NonNullable<BuildResult["metafile"]>;
}

/** Bundles a file for Workers. Its path may be relative to the checkout. */
export function bundle(entryPoint: string): Promise<Bundle> {
  return bundleOf({ entryPoints: [entryPoint] });
}

/** Bundles source text, whose imports are relative to the checkout, or to another folder. */
export function bundleText(
  contents: string,
  plugins: readonly Plugin[] = [],
  resolveDir: string = root,
): Promise<Bundle> {
  return bundleOf({ stdin: { contents, resolveDir, loader: "ts" }, plugins: [...plugins] });
}

async function bundleOf(what: BuildOptions): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    ...what,
    absWorkingDir: root,
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
  });
  return { script: outputFiles[0]?.text ?? "", metafile };
}

/** Workers in workerd. */
export interface RunningWorkers {
  /** The root of the first one. */
  readonly url: URL;
  /** What they wrote to their consoles so far. */
  output(): string;
  /** Runs a Worker as a cron trigger does. How that ended. */
  scheduled(name?: string): Promise<string>;
  /** Hands a message to a Worker as a queue does. How that ended. */
  queue(message: unknown, name?: string): Promise<string>;
  stop(): Promise<void>;
}

/** What a test says of a Worker. */
export interface WorkerUnderTest {
  readonly script: string;
  readonly bindings?: Record<string, string | number | boolean>;
  readonly name?: string;
  readonly compatibilityDate?: string;
  readonly d1Databases?: Record<string, string>;
  readonly queueProducers?: Record<string, string>;
  readonly queueConsumers?: Record<
    string,
    { maxBatchSize?: number; maxBatchTimeout?: number; maxRetries?: number }
  >;
}

/** Miniflare's type of it needs Cloudflare's types. */
interface Handlers {
  scheduled(): Promise<{ readonly outcome: string }>;
  queue(name: string, messages: readonly unknown[]): Promise<{ readonly outcome: string }>;
}

/** Runs Workers in workerd, the runtime of Cloudflare. */
export async function startWorkers(
  ...workers: readonly WorkerUnderTest[]
): Promise<RunningWorkers> {
  const output: string[] = [];
  const miniflare = new Miniflare({
    cf: false,
    host: "127.0.0.1",
    port: 0,
    handleRuntimeStdio(stdout: Readable, stderr: Readable) {
      for (const stream of [stdout, stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => output.push(text));
      }
    },
    workers: workers.map((worker) => ({
      name: "receiver",
      compatibilityDate: "2026-06-01",
      modules: true,
      ...worker,
    })),
  });
  const url = await miniflare.ready;
  const handlersOf = async (name?: string) =>
    await miniflare.getWorker(name) as unknown as Handlers;
  return {
    url,
    output: () => output.join(""),
    async scheduled(name) {
      return (await (await handlersOf(name)).scheduled()).outcome;
    },
    async queue(body, name) {
      const messages = [{ id: "message", timestamp: new Date(), attempts: 1, body }];
      return (await (await handlersOf(name)).queue("events", messages)).outcome;
    },
    stop: () => miniflare.dispose(),
  };
}
