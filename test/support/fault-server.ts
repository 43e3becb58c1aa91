import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoredEvent } from "imggo-webhooks";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { onTestFinished } from "vitest";
import { type Answer, readAnswer } from "./answer.ts";
import { type Process, root, runtimes, startProcess } from "./process.ts";
import { secret, signedRequest } from "./signed-request.ts";
import { flatWithManifest, sampleJob } from "./wire.ts";

/** A folder of servers that share a SQLite file and a configuration. */
export interface FaultFolder {
  /** Starts one. It is ended with the test. */
  start(env?: Record<string, string>): Process;
  /** All that is stored, by job. */
  stored(): Promise<ReadonlyMap<string, StoredEvent>>;
  /** The lines of a file that processors wrote. */
  lines(name: string): Promise<string[]>;
}

/** Makes a folder, which is removed when the test ends. */
export async function newFaultFolder(config: string): Promise<FaultFolder> {
  const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  const children: Process[] = [];
  onTestFinished(async () => {
    for (const { child, ended } of children) {
      child.kill("SIGKILL");
      await ended;
    }
    await rm(cwd, { recursive: true });
  });
  await writeFile(join(cwd, "imggo.config.mjs"), config);
  return {
    start(env = {}) {
      const child = startProcess([...runtimes.node, `${root}src/entry/node.ts`], {
        cwd,
        env: { WEBHOOK_SECRET: secret, HOST: "127.0.0.1", PORT: "0", ...env },
      });
      children.push(child);
      return child;
    },
    async stored() {
      const storage = sqliteStorage(join(cwd, "imggo-webhooks.db"));
      const { events } = await storage.list({ limit: 100_000 });
      await storage.close();
      return new Map(events.map((event) => [String(event.jobId), event]));
    },
    lines: async (name) => (await readFile(join(cwd, name), "utf8")).trim().split("\n"),
  };
}

/** Posts the success of a job, signed. */
export async function postJob(url: string, job: string): Promise<Answer> {
  const payload = flatWithManifest.succeeded({ ...sampleJob, job_id: job });
  return await readAnswer(await fetch(await signedRequest(payload, { url })));
}
