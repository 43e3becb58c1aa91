import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sign, type StoredEvent } from "imggo-webhooks";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { listeningUrl, root, runtimes, startProcess } from "./support/process.ts";

const secret = "a secret of 25 characters";
const events = 2_000;
const connections = 64;

// A lease that ends soon, so that what ran when the process was killed is soon run again.
const config = `
import { appendFileSync } from "node:fs";
export default {
  worker: { leaseMs: 1_500, pollMs: 200 },
  processors: { file: (event) => appendFileSync("processed.txt", event.data.job_id + "\\n") },
};
`;

const bodyOf = (job: number) =>
  `{"event":"job.completed","job_id":"job-${job}","result":{"number":${job}}}`;

/** Sends every event, so many at a time; what each was answered, until the server is gone. */
async function sendAll(url: string, onAnswer: (count: number) => void) {
  const acknowledged = new Map<number, string>();
  let next = 0;
  const sender = async () => {
    while (next < events) {
      const job = next++;
      const body = bodyOf(job);
      const headers = { "X-ImgGo-Signature": await sign(body, secret) };
      try {
        const response = await fetch(url, { method: "POST", headers, body });
        const { id } = await response.json() as { id: string };
        if (response.status === 200) acknowledged.set(job, id);
        onAnswer(acknowledged.size);
      } catch {
        // It was killed: not acknowledged.
      }
    }
  };
  await Promise.all(Array.from({ length: connections }, sender));
  return acknowledged;
}

/** All that is stored, by job. */
async function audit(file: string): Promise<ReadonlyMap<string, StoredEvent>> {
  const storage = sqliteStorage(file);
  const { events: stored, nextCursor } = await storage.list({ limit: 2 * events });
  await storage.close();
  expect(nextCursor).toBeNull();
  const byJob = new Map(stored.map((event) => [String(event.jobId), event]));
  expect(byJob.size).toBe(stored.length);
  return byJob;
}

test.each(Object.entries(runtimes))(
  "a killed %s server loses nothing it acknowledged and repeats nothing it recorded",
  async (name, command) => {
    const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
    const file = join(cwd, "imggo-webhooks.db");
    await writeFile(join(cwd, "imggo.config.mjs"), config);
    const start = () =>
      startProcess([...command, `${root}src/entry/${name}.ts`], {
        cwd,
        env: { WEBHOOK_SECRET: secret, HOST: "127.0.0.1", PORT: "0" },
      });

    const first = start();
    const acknowledged = await sendAll(await listeningUrl(first), (count) => {
      if (count === 700) first.child.kill("SIGKILL");
    });
    expect(await first.ended).toBe("SIGKILL");
    expect(acknowledged.size).toBeGreaterThanOrEqual(700);
    expect(acknowledged.size).toBeLessThan(events);

    const afterKill = await audit(file);
    for (const [job, id] of acknowledged) expect(afterKill.get(`job-${job}`)?.id).toBe(id);
    const recorded = [...afterKill.values()]
      .filter(({ deliveries }) => deliveries[0]?.state === "succeeded");

    const second = start();
    const again = await sendAll(await listeningUrl(second), () => {});
    expect(again.size).toBe(events);
    for (const [job, id] of acknowledged) expect(again.get(job)).toBe(id);
    await second.prints(/"delivery succeeded"/, events - recorded.length);
    expect(await second.end("SIGTERM")).toBe(0);

    const atEnd = await audit(file);
    expect(atEnd.size).toBe(events);
    for (const { state, deliveries } of atEnd.values()) {
      expect({ state, deliveries }).toMatchObject({
        state: "accepted",
        deliveries: [{ processor: "file", state: "succeeded" }],
      });
    }
    const runs = new Map<string, number>();
    for (const job of (await readFile(join(cwd, "processed.txt"), "utf8")).trim().split("\n")) {
      runs.set(job, (runs.get(job) ?? 0) + 1);
    }
    expect(runs.size).toBe(events);
    for (const { jobId } of recorded) expect(runs.get(String(jobId))).toBe(1);
    await rm(cwd, { recursive: true });
  },
  60_000,
);
