import type { Storage } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent, type NewEventFields, receivedAt, repeatOf } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import { alike } from "./alike.ts";
import { awaited, awaitJob } from "./awaited.ts";
import { acceptNew, claimOne, day, end, hour } from "./calls.ts";

/** What ends an expectation. */
export function fulfilmentTests(test: Test): void {
  const old = { receivedBefore: receivedAt + hour, limit: 100 };
  const jobId = "job_1";

  const expectNone = async (storage: Storage) => {
    expect(await awaited(storage)).toEqual([]);
    expect(await storage.expectations.claim({ limit: 10, leaseMs: hour })).toEqual([]);
    expect((await storage.stats()).expectations).toEqual({ waiting: 0, overdue: 0 });
  };

  const ends: Readonly<Record<string, NewEventFields>> = {
    "a success": { event: "job.succeeded" },
    "a failure": { event: "job.failed" },
    "an event for nobody": { processors: [] },
    "what was asked for": { origin: "reconcile" },
  };
  for (const [what, fields] of Object.entries(ends)) {
    test(`accept() of ${what} ends what is awaited`, async ({ storage, advance }) => {
      await awaitJob(storage, jobId, { withinMs: 0 });
      await awaitJob(storage, "job_2");
      await acceptNew(storage, { ...fields, jobId });
      expect(await awaited(storage)).toMatchObject([{ jobId: "job_2" }]);
      expect((await storage.stats()).expectations).toEqual({ waiting: 1, overdue: 0 });
      // Whoever was asking meanwhile brings nothing back.
      await storage.expectations.postpone(jobId, { afterMs: 0, error: "late" });
      await advance(day);
      const due = await storage.expectations.claim({ limit: 10, leaseMs: hour });
      expect(due.map(({ jobId }) => jobId)).toEqual(["job_2"]);
    });

    test(`add() after ${what} awaits nothing`, async ({ storage }) => {
      await acceptNew(storage, { ...fields, jobId });
      expect(await awaitJob(storage, jobId, { withinMs: 0 })).toBe("fulfilled");
      await expectNone(storage);
      expect(await awaitJob(storage, "job_2")).toBe("waiting");
    });
  }

  test("accept() ends what is being asked for, and what was given up", async ({ storage }) => {
    for (const job of ["asked", "postponed", "given up"]) {
      await awaitJob(storage, job, { withinMs: 0 });
    }
    await storage.expectations.claim({ limit: 10, leaseMs: hour });
    await storage.expectations.postpone("postponed", { afterMs: hour, error: "running" });
    await storage.expectations.postpone("given up", { afterMs: null, error: "unheard" });
    for (const job of ["asked", "postponed", "given up"]) await acceptNew(storage, { jobId: job });
    await expectNone(storage);
  });

  test("add() after both ends, in either order, awaits nothing", async ({ storage }) => {
    for (const order of [["job.failed", "job.succeeded"], ["job.succeeded", "job.failed"]]) {
      const job = `job_${order[0]}`;
      for (const event of order) {
        await awaitJob(storage, job);
        await acceptNew(storage, { event, jobId: job });
        expect(await awaitJob(storage, job)).toBe("fulfilled");
      }
    }
    await expectNone(storage);
  });

  test("add() after a superseded failure alone awaits nothing", async ({ storage }) => {
    const failed = await acceptNew(storage, { event: "job.failed", jobId });
    await claimOne(storage, { leaseMs: day });
    const succeeded = await acceptNew(storage, { jobId, processors: [] });
    expect(await storage.prune(old)).toBe(1);
    expect(await storage.get(succeeded)).toBeUndefined();
    expect(await storage.get(failed)).toMatchObject({ state: "superseded" });
    expect(await awaitJob(storage, jobId)).toBe("fulfilled");
    await expectNone(storage);
  });

  test("accept() of what is no end of a job ends nothing", async ({ storage }) => {
    await awaitJob(storage, jobId);
    const before = await awaited(storage);
    const states: readonly NewEventFields[] = [
      { state: "ignored", event: "job.started", jobId },
      { state: "ignored", event: "job.succeeded", jobId, key: "ignored success" },
      { state: "quarantined", event: null, jobId, key: "digest" },
      { jobId: null, key: "success of no job" },
      { jobId: "job_2" },
    ];
    for (const fields of states) {
      const event = await newEvent(fields);
      await storage.accept(event);
      await storage.accept(repeatOf(event));
      expect(await awaitJob(storage, jobId, { withinMs: 2 * hour })).toBe("waiting");
    }
    expect(await awaited(storage)).toEqual(before);
  });

  test("accept() of a repeat ends what is awaited, though the event was pruned", async (world) => {
    const { storage } = world;
    for (const event of ["job.succeeded", "job.failed"]) {
      const first = await newEvent({ event, jobId });
      await storage.accept(first);
      await end(storage, "a", "succeeded");
      expect(await storage.prune(old)).toBe(1);
      expect(await awaitJob(storage, jobId, { withinMs: 0 })).toBe("waiting");
      expect(await storage.accept({ ...repeatOf(first), origin: "reconcile" }))
        .toMatchObject({ id: first.id, duplicate: true });
      await expectNone(storage);
      // The same call once more, by the id that is known.
      expect(await awaitJob(storage, jobId)).toBe("waiting");
      expect(await storage.accept(first)).toMatchObject({ id: first.id, duplicate: false });
      await expectNone(storage);
    }
  });

  test("accept() ends no expectation of a job that only looks alike", async ({ storage }) => {
    const left = new Set(alike);
    for (const job of alike) await awaitJob(storage, job);
    for (const job of alike) {
      await acceptNew(storage, { jobId: job });
      left.delete(job);
      expect((await awaited(storage)).map(({ jobId }) => jobId).sort()).toEqual([...left].sort());
    }
  });

  const expectRightAtOnce = async (storages: readonly [Storage, Storage]) => {
    const [storage, other] = storages;
    const events = await Promise.all(
      Array.from(
        { length: 100 },
        (_, index) =>
          newEvent({
            jobId: `job_${index}`,
            event: index % 4 < 2 ? "job.succeeded" : "job.failed",
          }),
      ),
    );
    const answers = await Promise.all(events.flatMap((event, index) => {
      const add = () => awaitJob(other, event.jobId ?? "", { withinMs: 0 });
      const accept = async () => (await storage.accept(event)).state;
      return index % 2 ? [add(), accept()] : [accept(), add()];
    }));
    expect(answers.filter((answer) => answer === "accepted")).toHaveLength(100);
    await expectNone(storage);
    await expectNone(other);
    for (const { jobId } of events) {
      expect(await awaitJob(other, jobId ?? "")).toBe("fulfilled");
    }
  };

  test("add() and accept() of a job at once leave nothing awaited", async ({ storage }) => {
    await expectRightAtOnce([storage, storage]);
  });

  test(
    "add() and accept() of a job by two storages at once leave nothing awaited",
    async (world) => {
      await expectRightAtOnce([world.storage, await world.openAnother()]);
    },
    { needs: "sharedData" },
  );

  test("add(), claim(), postpone() and accept() at once leave nothing awaited", async (world) => {
    const { storage } = world;
    const jobs = Array.from({ length: 20 }, (_, index) => `job_${index}`);
    for (const job of jobs) await awaitJob(storage, job, { withinMs: 0 });
    const events = await Promise.all(jobs.map((jobId) => newEvent({ jobId })));
    const next = { afterMs: 0, error: "running" };
    await Promise.all(events.flatMap((event, index) => [
      storage.expectations.claim({ limit: 3, leaseMs: index % 2 ? 0 : hour }),
      storage.expectations.postpone(event.jobId ?? "", next),
      awaitJob(storage, event.jobId ?? "", { withinMs: 0 }),
      storage.accept(event),
      storage.expectations.postpone(event.jobId ?? "", next),
    ]));
    await expectNone(storage);
  });
}
