import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { createGate } from "../support/gate.ts";
import { createQueue } from "../support/queue.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { flatWithManifest, sampleJob } from "../support/wire.ts";

const minute = 60_000;
const hour = 60 * minute;
const jumps = {
  "an hour ahead": hour,
  "an hour back": -hour,
  "a day ahead": 24 * hour,
  "a day back": -24 * hour,
};

async function sqliteFile() {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  const open = () => sqliteStorage(join(folder, "events.db"));
  const storages = [open(), open()] as const;
  onTestFinished(async () => {
    for (const storage of storages) await storage.close();
    await rm(folder, { recursive: true });
  });
  return storages;
}

const inMemory = () => {
  const storage = memoryStorage();
  return [storage, storage] as const;
};

const jobOf = (id: string) => flatWithManifest.succeeded({ ...sampleJob, job_id: id });

for (const [name, open] of Object.entries({ SQLite: sqliteFile, memory: inMemory })) {
  for (const [jump, milliseconds] of Object.entries(jumps)) {
    test(`clock jumps ${jump}, on ${name}: nothing is lost, and no success is recorded twice`, async () => {
      const started = Date.now();
      // Only what time of day it is; timers, and the steady clock, go on.
      vi.useFakeTimers({ toFake: ["Date"], now: started });
      onTestFinished(() => void vi.useRealTimers());
      const [storage, sameStorage] = await open();
      const { open: endRunning, opened } = createGate();
      const running = createQueue<AbortSignal>();
      const succeeded: string[] = [];
      const worker = { leaseMs: minute, pollMs: hour, backoff: { firstMs: minute, maxMs: minute } };
      const one = setUp({
        storage,
        worker,
        processors: {
          async a({ data: { job_id: job } }, { attempt, signal }) {
            if (job === "retried" && attempt === 1) throw new Error("again");
            if (job !== "running") return;
            running.push(signal);
            await opened;
          },
        },
      });
      // Another process, whose clock is the same machine's.
      const other = setUp({
        storage: sameStorage,
        worker,
        role: "worker",
        processors: { a: () => {} },
      });
      const ids: Record<string, unknown> = {};
      const send = async (job: string, status: "received" | "duplicate") => {
        const { body } = await one.send(jobOf(job));
        expect(body["status"]).toBe(status);
        expect(body["id"]).toBe(ids[job] ??= body["id"]);
      };
      await send("retried", "received");
      await expect.poll(() => one.log.of("will be tried again")).toHaveLength(1);
      await send("running", "received");
      await running.next();

      vi.setSystemTime(started + milliseconds);
      await send("retried", "duplicate");
      await send("running", "duplicate");
      await send("after", "received");
      // A lease that seems to have ended is another's now; one that seems to last is kept.
      await other.receiver.drain();
      endRunning();
      await expect.poll(() =>
        one.log.of("delivery succeeded").length + one.log.of("lease lost").length
      )
        .toBeGreaterThanOrEqual(1);
      vi.setSystemTime(started + 2 * minute);
      await send("running", "duplicate");
      await one.receiver.drain();
      await other.receiver.drain();
      // What was stored while the clock was ahead is due by then at the latest.
      vi.setSystemTime(started + Math.max(0, milliseconds) + 3 * minute);
      await one.receiver.drain();

      const { events } = await storage.list({ limit: 10 });
      expect(events.map(({ id }) => id).sort()).toEqual(Object.values(ids).sort());
      for (const event of events) {
        expect(event).toMatchObject({ state: "accepted", deliveries: [{ state: "succeeded" }] });
        const all = [one, other].flatMap(({ log }) => log.of("delivery succeeded"));
        succeeded.push(...all.filter(({ id }) => id === event.id).map(({ id }) => String(id)));
      }
      expect(succeeded.sort()).toEqual(Object.values(ids).sort());
    });
  }
}
