import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Storage } from "imggo-webhooks";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import {
  listeningUrl,
  type Process,
  root,
  type runtimes,
  startProcess,
} from "../support/process.ts";
import { limit, secrets } from "./requests.ts";

/** A real server of a runtime, which is attacked. */
export interface AttackedEntry {
  readonly url: string;
  readonly process: Process;
  /** Ends it as an operator does, and lets what it stored be looked at. Its exit code. */
  end(look: (storage: Storage) => Promise<void>): Promise<number | string>;
}

/** Starts a runtime's entry over a SQLite file of its own. */
export async function startEntry(
  name: keyof typeof runtimes,
  command: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<AttackedEntry> {
  const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  const child = startProcess([...command, `${root}src/entry/${name}.ts`], {
    cwd,
    env: {
      WEBHOOK_SECRET: String(secrets[0]),
      WEBHOOK_SECRET_PREVIOUS: String(secrets[1]),
      MAX_BODY_BYTES: `${limit}`,
      STORAGE_URL: "sqlite:./events.db",
      HOST: "127.0.0.1",
      PORT: "0",
      LOG_LEVEL: "info",
      ...more,
    },
  });
  return {
    url: await listeningUrl(child),
    process: child,
    async end(look) {
      const code = await child.end("SIGTERM");
      const storage = sqliteStorage(join(cwd, "events.db"));
      try {
        await look(storage);
      } finally {
        await storage.close();
        await rm(cwd, { recursive: true });
      }
      return code;
    },
  };
}
