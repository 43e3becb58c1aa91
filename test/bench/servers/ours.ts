import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { root, runtimes } from "../../support/process.ts";
import { secret } from "../events.ts";
import type { PostgresDatabases } from "./postgres-databases.ts";
import { freePort, startProgram } from "./program.ts";
import type { BenchServer, StartedServer } from "./server.ts";

/** What is run differently from the defaults. */
export interface OursOptions {
  readonly role?: "receiver" | "all";
  /** Runs what `npm run build` made, as who installs the package does, in place of the sources. */
  readonly built?: boolean;
  /** The text of an `imggo.config.mjs`. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
}

type Runtime = keyof typeof runtimes;

const names: Readonly<Record<Runtime, string>> = { node: "Node.js", bun: "Bun", deno: "Deno" };

/** Starts the server of a runtime by its entry, with its default settings but where it keeps events. */
export async function startOurs(
  runtime: Runtime,
  folder: string,
  storageUrl: string,
  { role = "receiver", built = false, config, env }: OursOptions = {},
): Promise<StartedServer> {
  if (config !== undefined) await writeFile(join(folder, "imggo.config.mjs"), config);
  const port = await freePort();
  const file = built ? ["dist/cli/bin.js", "serve"] : [`src/entry/${runtime}.ts`];
  const [path, ...args] = file;
  const program = await startProgram([...runtimes[runtime], `${root}${path}`, ...args], {
    folder,
    port,
    env: {
      HOST: "127.0.0.1",
      PORT: String(port),
      WEBHOOK_SECRET: secret,
      ROLE: role,
      LOG_LEVEL: "warn",
      STORAGE_URL: storageUrl,
      ...env,
    },
  });
  return {
    url: new URL(`http://127.0.0.1:${port}/webhook`),
    pid: program.pid,
    // What it answered must have been stored however it ends.
    stop: () => program.end("SIGKILL"),
  };
}

/** How many events there are in a SQLite file. */
export function storedIn(file: string): number {
  const database = new DatabaseSync(file);
  const row = database.prepare("SELECT count(*) AS count FROM events").get();
  database.close();
  return Number(row?.["count"]);
}

/** With SQLite, which syncs each commit to the disk. */
export function withSqlite(runtime: Runtime): BenchServer {
  return {
    name: `ours: ${names[runtime]}, SQLite`,
    kind: "ours",
    async start(folder) {
      const file = join(folder, "events.db");
      const started = await startOurs(runtime, folder, `sqlite:${file}`);
      return { ...started, stored: () => storedIn(file) };
    },
  };
}

/** On Node.js with PostgreSQL, as it is by default: each commit is synced to the disk. */
export function withPostgres(databases: PostgresDatabases): BenchServer {
  return {
    name: "ours: Node.js, PostgreSQL",
    kind: "ours",
    async start(folder) {
      const { url, query, drop } = await databases.create();
      const started = await startOurs("node", folder, url);
      return {
        ...started,
        async stored() {
          const [row] = await query("SELECT count(*) FROM imggo_webhooks.events");
          await drop();
          return Number(row?.["count"]);
        },
      };
    },
  };
}

/** On Node.js in memory, which stores nothing for long: what HTTP takes without the storage. */
export const inMemory: BenchServer = {
  name: "ours: Node.js, memory",
  kind: "ours",
  start: (folder) => startOurs("node", folder, "memory:"),
};
