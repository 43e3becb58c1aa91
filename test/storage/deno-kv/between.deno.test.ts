import type { NewEvent } from "imggo-webhooks";
import { describe, expect, test } from "vitest";
import { newEvent, receivedAt, repeatOf } from "../../support/new-event.ts";
import { claimedIds, claimOne, day, end, minute, nothing, request } from "../contract/calls.ts";
import { expectUnavailable } from "./expect-unavailable.ts";
import { openFaulty } from "./open-faulty.ts";

const oldest = { receivedBefore: receivedAt - 1, limit: 10 };
const largeEvent = () => newEvent({ body: new Uint8Array(20 * 65_536).fill(7) });

describe("denoKvStorage() where another process comes between a read and its commit", () => {
  const prunable = { receivedBefore: receivedAt + 1, limit: 10 };

  test("claim() leaves what was superseded meanwhile", async () => {
    const { storage, sound, faults } = await openFaulty();
    await storage.accept(await newEvent({ event: "job.failed", jobId: "job_1" }));
    const succeeded = await newEvent({ jobId: "job_1" });
    faults.push(() => sound.accept(succeeded));
    expect(await claimedIds(storage)).toEqual([succeeded.id]);
  });

  test("claim() goes on with what another one left, up to its limit", async () => {
    const { storage, sound, faults } = await openFaulty();
    for (let count = 0; count < 4; count++) await storage.accept(await newEvent());
    faults.push(() => sound.claim(request({ limit: 2 })));
    expect(await claimedIds(storage, { limit: 2 })).toHaveLength(2);
  });

  test("accept() stores one of two events of one key and of no job", async () => {
    const { storage, sound, faults } = await openFaulty();
    const ignored = await newEvent({ state: "ignored", event: "job.started", key: "a digest" });
    faults.push(() => sound.accept(ignored));
    expect(await storage.accept(repeatOf(ignored))).toMatchObject({
      id: ignored.id,
      duplicate: true,
    });
    expect((await storage.list({ limit: 10 })).events).toMatchObject([{ duplicates: 1 }]);
  });

  test("accept() supersedes a failure that came meanwhile, or is superseded", async () => {
    const { storage, sound, faults } = await openFaulty();
    for (const order of [["job.failed", "job.succeeded"], ["job.succeeded", "job.failed"]]) {
      const jobId = order.join();
      const [first, second] = await Promise.all(
        order.map((event) => newEvent({ event, jobId })),
      ) as [NewEvent, NewEvent];
      faults.push(() => sound.accept(second));
      await storage.accept(first);
      for (const { id, event } of [first, second]) {
        const state = event === "job.failed" ? "superseded" : "accepted";
        expect(await storage.get(id)).toMatchObject({ state });
      }
    }
  });

  test("accept() counts no duplicate of an event that was pruned meanwhile", async () => {
    const { storage, sound, faults, keys, advance } = await openFaulty();
    const ignored = await newEvent({ state: "ignored", event: "job.started" });
    await storage.accept(ignored);
    faults.push(() => sound.prune(prunable));
    expect(await storage.accept(repeatOf(ignored))).toMatchObject({
      id: ignored.id,
      duplicate: true,
    });
    advance(31 * day);
    await storage.prune(prunable);
    expect(await keys()).toEqual([]);
  });

  test("accept() writes no more parts once they were taken for abandoned", async () => {
    const { storage, sound, faults, keys, advance } = await openFaulty();
    faults.push(undefined, undefined, async () => {
      advance(day);
      await sound.prune(oldest);
    });
    await expectUnavailable(storage.accept(await largeEvent()));
    expect(await keys()).toEqual([]);
  });

  test("prune() counts an event that two delete at once as one", async () => {
    const { storage, sound, faults } = await openFaulty();
    await storage.accept(await newEvent({ state: "ignored", event: "job.started" }));
    faults.push(async () => expect(await sound.prune(prunable)).toBe(1));
    expect(await storage.prune(prunable)).toBe(0);
  });

  test("prune() forgets no key that is that of a new event by now", async () => {
    const { storage, sound, faults, advance } = await openFaulty();
    const event = await newEvent({ state: "ignored", event: "job.started" });
    await storage.accept(event);
    await storage.prune(prunable);
    advance(31 * day);
    const again = repeatOf(event);
    faults.push(async () => {
      await sound.prune(oldest);
      expect(await sound.accept(again)).toMatchObject({ id: again.id, duplicate: false });
    });
    await storage.prune(oldest);
    expect(await storage.accept(repeatOf(event))).toMatchObject({ id: again.id, duplicate: true });
  });

  test("prune() leaves no count of a duplicate that came meanwhile", async () => {
    const { storage, sound, faults } = await openFaulty();
    const ignored = await newEvent({ state: "ignored", event: "job.started" });
    await storage.accept(ignored);
    faults.push(() => sound.accept(repeatOf(ignored)));
    expect(await storage.prune(prunable)).toBe(1);
    expect(await storage.stats()).toMatchObject({ duplicates: 0, events: { ignored: 0 } });
  });

  test("prune() leaves what was redelivered meanwhile", async () => {
    const { storage, sound, faults } = await openFaulty();
    const event = await newEvent();
    await storage.accept(event);
    await end(storage, "a", "succeeded");
    faults.push(() => sound.redeliver(event.id, ["a"]));
    expect(await storage.prune(prunable)).toBe(0);
    expect(await claimedIds(storage)).toEqual([event.id]);
  });

  test("settle() counts two deliveries of one event that end at once", async () => {
    const { storage, sound, faults } = await openFaulty();
    await storage.accept(await newEvent({ processors: ["a", "b"] }));
    const a = await claimOne(storage, { processors: ["a"] });
    const b = await claimOne(storage, { processors: ["b"] });
    faults.push(() => sound.settle(b, { kind: "dead", error: "no" }));
    expect(await storage.settle(a, { kind: "succeeded" })).toBe(true);
    expect((await storage.stats()).deliveries)
      .toEqual({ pending: 0, running: 0, succeeded: 1, dead: 1 });
  });

  test("redeliver() leaves what was superseded, pruned or redelivered meanwhile", async () => {
    const { storage, sound, faults } = await openFaulty();
    const failed = await newEvent({ event: "job.failed", jobId: "job_1" });
    await storage.accept(failed);
    await end(storage, "a", "dead");
    faults.push(() => sound.redeliver(failed.id, ["a"]));
    expect(await storage.redeliver(failed.id, ["a"])).toBe(0);
    await end(storage, "a", "succeeded");
    const succeeded = await newEvent({ jobId: "job_1", processors: [] });
    faults.push(() => sound.accept(succeeded));
    expect(await storage.redeliver(failed.id, ["a", "b"])).toBe(0);
    faults.push(() => sound.prune(prunable));
    expect(await storage.redeliver(succeeded.id, ["a"])).toBe(0);
    expect(await storage.stats()).toMatchObject({
      events: { accepted: 0, superseded: 0 },
      deliveries: { pending: 0, running: 0, succeeded: 0, dead: 0 },
    });
    expect(await storage.claim(request())).toEqual(nothing);
  });

  test("redrive() leaves what was redriven or superseded meanwhile", async () => {
    const { storage, sound, faults } = await openFaulty();
    await storage.accept(await newEvent({ event: "job.failed", jobId: "job_1" }));
    await end(storage, "a", "dead");
    faults.push(() => sound.redrive({ limit: 10 }));
    expect(await storage.redrive({ limit: 10 })).toBe(0);
    await end(storage, "a", "dead");
    const succeeded = await newEvent({ jobId: "job_1", processors: [] });
    faults.push(() => sound.accept(succeeded));
    expect(await storage.redrive({ limit: 10 })).toBe(0);
    expect((await storage.stats()).deliveries)
      .toEqual({ pending: 0, running: 0, succeeded: 0, dead: 0 });
  });

  test("redrive() leaves what died again meanwhile, outside of its filter", async () => {
    const { storage, sound, faults, advance } = await openFaulty();
    const event = await newEvent();
    await storage.accept(event);
    await end(storage, "a", "dead");
    const deadBefore = Number((await storage.get(event.id))?.deliveries[0]?.endedAt) + 1;
    faults.push(async () => {
      await sound.redrive({ limit: 1 });
      advance(minute);
      await end(sound, "a", "dead");
    });
    expect(await storage.redrive({ deadBefore, limit: 10 })).toBe(0);
    expect(await storage.countDead({ processor: "a" })).toBe(1);
  });

  test("accept() supersedes what is claimed, or dies, meanwhile", async () => {
    const { storage, sound, faults } = await openFaulty();
    const failed = await newEvent({ event: "job.failed", jobId: "job_1", processors: ["a", "b"] });
    await storage.accept(failed);
    faults.push(() => end(sound, "a", "dead"), () => claimOne(sound, { processors: ["b"] }));
    await storage.accept(await newEvent({ jobId: "job_1", processors: [] }));
    expect((await storage.get(failed.id))?.deliveries)
      .toMatchObject([{ processor: "b", state: "running" }]);
    expect((await storage.stats()).deliveries)
      .toEqual({ pending: 0, running: 1, succeeded: 0, dead: 0 });
  });

  test("add() and accept() of a job leave nothing awaited, whichever comes between", async () => {
    const { storage, sound, faults } = await openFaulty();
    const awaited = { jobId: "job_1", patternId: null, withinMs: 0 };
    const event = await newEvent({ jobId: "job_1", processors: [] });
    faults.push(() => sound.expectations.add(awaited));
    await storage.accept(event);
    expect((await storage.stats()).expectations).toEqual({ waiting: 0, overdue: 0 });
    await storage.prune(prunable);
    const next = await newEvent({ jobId: "job_1", processors: [], event: "job.failed" });
    faults.push(() => sound.accept(next));
    expect(await storage.expectations.add(awaited)).toBe("fulfilled");
    await storage.prune(prunable);
    // A repeat of what was pruned.
    await storage.expectations.add(awaited);
    faults.push(() => sound.expectations.claim({ limit: 1, leaseMs: minute }));
    await storage.accept(repeatOf(event));
    expect(await storage.expectations.list({ limit: 1 }))
      .toEqual({ expectations: [], nextCursor: null });
    expect((await storage.stats()).expectations).toEqual({ waiting: 0, overdue: 0 });
  });

  test("rejections stay within their limits, whoever adds and removes meanwhile", async () => {
    const { storage, sound, faults } = await openFaulty();
    const limits = { maxCount: 2, maxBytes: 100, maxAgeMs: day };
    const rejection = (id: string) => ({
      id,
      receivedAt,
      signature: "ab",
      body: new Uint8Array(50),
    });
    const ids = async () =>
      (await storage.rejections.list({ limit: 10 })).rejections.map(({ id }) => id);
    faults.push(async () => {
      for (const id of ["a", "b"]) await sound.rejections.add(rejection(id), limits);
    });
    await storage.rejections.add(rejection("c"), limits);
    expect(await ids()).toEqual(["b", "c"]);
    faults.push(() => sound.rejections.add(rejection("d"), limits));
    await storage.rejections.add(rejection("d"), limits);
    expect(await ids()).toEqual(["c", "d"]);
    faults.push(() => sound.rejections.remove("c"));
    await storage.rejections.remove("c");
    expect(await ids()).toEqual(["d"]);
    expect((await storage.stats()).rejections).toBe(1);
    await sound.rejections.remove("d");
    expect((await storage.stats()).rejections).toBe(0);
  });
});
