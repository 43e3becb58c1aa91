import type { Outcome } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent, type NewEventFields, receivedAt, repeatOf } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import { acceptNew, claimedIds, claimOne, day, hour, minute, nothing, request } from "./calls.ts";

/** What is deleted, and what is remembered of it. */
export function pruneTests(test: Test): void {
  const later = { receivedBefore: receivedAt + hour, limit: 100 };

  test("prune() deletes what is done, and nothing else", async ({ storage, advance }) => {
    const accept = async (fields: NewEventFields) => {
      const event = await newEvent(fields);
      await storage.accept(event);
      return event.id;
    };
    const end = async (processor: string, outcome: Outcome) => {
      await storage.settle(await claimOne(storage, { processors: [processor] }), outcome);
    };
    const kept = {
      pending: await accept({ processors: ["pending"] }),
      retried: await accept({ processors: ["retried"] }),
      running: await accept({ processors: ["running"] }),
      lost: await accept({ processors: ["lost"] }),
      dead: await accept({ processors: ["dead"] }),
      partlyDone: await accept({ processors: ["done", "pending"] }),
      quarantined: await accept({ state: "quarantined", event: null, jobId: null, key: "digest" }),
      supersededAndRunning: await accept(
        { event: "job.failed", jobId: "job_1", processors: ["last"] },
      ),
      recent: await accept({ receivedAt: later.receivedBefore, processors: [] }),
    };
    await end("retried", { kind: "retry", afterMs: hour, error: "again" });
    await end("dead", { kind: "dead", error: "no" });
    await end("done", { kind: "succeeded" });
    await claimOne(storage, { processors: ["lost"] });
    await advance(2 * minute);
    await claimOne(storage, { processors: ["running"] });
    await claimOne(storage, { processors: ["last"] });

    const pruned = {
      done: await accept({ jobId: "job_1", processors: ["done"] }),
      late: await accept({ event: "job.failed", jobId: "job_1", key: "late" }),
      forNobody: await accept({ processors: [] }),
      ignored: await accept({ state: "ignored", event: "job.started" }),
      justOldEnough: await accept({ receivedAt: later.receivedBefore - 1, processors: [] }),
    };
    await end("done", { kind: "succeeded" });
    const before = await Promise.all(Object.values(kept).map((id) => storage.get(id)));

    expect(await storage.prune(later)).toBe(Object.keys(pruned).length);
    for (const id of Object.values(pruned)) {
      expect(await storage.get(id)).toBeUndefined();
      expect(await storage.body(id)).toBeUndefined();
    }
    expect(await Promise.all(Object.values(kept).map((id) => storage.get(id)))).toEqual(before);
    const { events } = await storage.list({ limit: 100 });
    expect(events.map(({ id }) => id).sort()).toEqual(Object.values(kept).sort());
    for (const id of Object.values(kept)) expect(await storage.body(id)).toBeDefined();
    expect(await storage.prune(later)).toBe(0);
  });

  test("prune() deletes no more than its limit, first stored first", async ({ storage }) => {
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) {
      const event = await newEvent({ receivedAt: receivedAt - count, processors: [] });
      await storage.accept(event);
      ids.push(event.id);
    }
    const left = async () => (await storage.list({ limit: 10 })).events.map(({ id }) => id);
    expect(await storage.prune({ ...later, limit: 2 })).toBe(2);
    expect(await left()).toEqual(ids.slice(2).reverse());
    expect(await storage.prune({ ...later, limit: 2 })).toBe(2);
    expect(await storage.prune({ ...later, limit: 2 })).toBe(1);
    expect(await left()).toEqual([]);
  });

  test("prune() keeps a key for 30 days", async ({ storage, advance }) => {
    const event = await newEvent();
    await storage.accept(event);
    await storage.settle(await claimOne(storage), { kind: "succeeded" });
    await advance(60 * day);
    const repeat = await newEvent({ key: event.key, jobId: event.jobId });
    const known = { id: event.id, duplicate: true };
    expect(await storage.prune(later)).toBe(1);
    expect(await storage.accept(repeat)).toMatchObject(known);
    await advance(29 * day);
    expect(await storage.prune(later)).toBe(0);
    expect(await storage.accept(repeat)).toMatchObject(known);
    expect(await storage.get(event.id)).toBeUndefined();
    expect(await storage.claim(request())).toEqual(nothing);
    await advance(2 * day);
    await storage.prune(later);
    expect(await storage.accept(repeat)).toMatchObject({ id: repeat.id, duplicate: false });
    expect(await storage.get(repeat.id)).toMatchObject({ duplicates: 0 });
    expect(await claimedIds(storage)).toEqual([repeat.id]);
  });

  test("prune() forgets no key of an event that is there", async ({ storage, advance }) => {
    const event = await newEvent();
    await storage.accept(event);
    await advance(365 * day);
    expect(await storage.prune(later)).toBe(0);
    const repeat = await storage.accept(repeatOf(event));
    expect(repeat).toMatchObject({ id: event.id, duplicate: true });
  });

  test("prune() of a success lets a later failure of its job be run", async ({ storage }) => {
    await storage.accept(await newEvent({ jobId: "job_1", processors: [] }));
    const failure = { event: "job.failed", jobId: "job_1" } as const;
    const superseded = await newEvent({ ...failure, key: "one", receivedAt: later.receivedBefore });
    await storage.accept(superseded);
    expect(await storage.prune(later)).toBe(1);
    expect(await storage.get(superseded.id)).toMatchObject({ state: "superseded" });
    const failed = await newEvent({ ...failure, key: "two" });
    await storage.accept(failed);
    expect(await storage.get(failed.id)).toMatchObject({ state: "accepted" });
    await storage.accept(await newEvent({ jobId: "job_1", key: "again" }));
    expect(await storage.get(failed.id)).toMatchObject({ state: "superseded" });
  });

  test("prune() takes the trace with the event", async ({ storage }) => {
    const traceParent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
    const traced = await newEvent({ processors: [], traceParent });
    await storage.accept(traced);
    expect(await storage.get(traced.id)).toMatchObject({ traceParent });
    expect(await storage.prune({ receivedBefore: traced.receivedAt + 1, limit: 10 })).toBe(1);
    const later = await acceptNew(storage);
    expect(await storage.get(later)).toMatchObject({ traceParent: null });
    expect(await storage.claim(request())).toMatchObject({ claims: [{ traceParent: null }] });
  });

  test("a key is forgotten as soon as its time has come", async ({ storage, advance }) => {
    const event = await newEvent({ processors: [] });
    await storage.accept(event);
    expect(await storage.prune(later)).toBe(1);
    await advance(30 * day - minute);
    await storage.prune({ receivedBefore: 0, limit: 100 });
    const repeat = repeatOf(event);
    expect(await storage.accept(repeat)).toMatchObject({ id: event.id, duplicate: true });
    await advance(minute);
    await storage.prune({ receivedBefore: 0, limit: 100 });
    expect(await storage.accept(repeat)).toMatchObject({ id: repeat.id, duplicate: false });
  });
}
