import type { NewEvent, Outcome } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent, type NewEventFields, receivedAt, repeatOf } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import {
  acceptAll,
  claimedIds,
  claimOne,
  day,
  expectBytes,
  hour,
  minute,
  statesOf,
} from "./calls.ts";

/** A job's both ends, in whichever order they come. */
export function supersedeTests(test: Test): void {
  const bothEnds = async (jobId: string, fields: NewEventFields = {}) => ({
    failed: await newEvent({ ...fields, event: "job.failed", jobId }),
    succeeded: await newEvent({ ...fields, event: "job.succeeded", jobId }),
  });

  test("accept() keeps a failure that comes after the success, without deliveries", async (world) => {
    const { storage } = world;
    const { failed, succeeded } = await bothEnds("job_1", { processors: ["a", "b"] });
    await storage.accept(succeeded);
    const late = { id: failed.id, state: "superseded", identical: true };
    expect(await storage.accept(failed)).toEqual({ ...late, duplicate: false });
    expect(await storage.accept(repeatOf(failed))).toEqual({ ...late, duplicate: true });
    expect(await storage.get(failed.id)).toMatchObject({ state: "superseded", deliveries: [] });
    expectBytes(await storage.body(failed.id), failed.body);
    const both = { processors: ["a", "b"] };
    expect(await claimedIds(storage, both)).toEqual([succeeded.id, succeeded.id]);
  });

  test("accept() of a success withdraws what is left to do for the failure", async ({ storage }) => {
    const processors = ["dead", "pending", "retried", "running", "succeeded"];
    const { failed, succeeded } = await bothEnds("job_1", { processors });
    await storage.accept(failed);
    const claim = (processor: string) => claimOne(storage, { processors: [processor] });
    await storage.settle(await claim("dead"), { kind: "dead", error: "no" });
    await storage.settle(await claim("retried"), { kind: "retry", afterMs: hour, error: "later" });
    await storage.settle(await claim("succeeded"), { kind: "succeeded" });
    const running = await claim("running");

    expect(await storage.accept(succeeded)).toMatchObject({ state: "accepted", duplicate: false });
    expect(await statesOf(storage, failed.id)).toEqual({
      running: "running",
      succeeded: "succeeded",
    });
    expect(await storage.get(failed.id)).toMatchObject({ state: "superseded" });
    const repeat = await storage.accept(repeatOf(failed));
    expect(repeat).toMatchObject({ duplicate: true, state: "superseded" });

    expect(await storage.renew(running, minute)).toBe(true);
    expect(await storage.settle(running, { kind: "succeeded" })).toBe(true);
    expect(await statesOf(storage, failed.id)).toEqual(
      { running: "succeeded", succeeded: "succeeded" },
    );
    const claimed = await claimedIds(storage, { processors });
    expect(claimed).toEqual(processors.map(() => succeeded.id));
  });

  const ends: readonly Outcome[] = [
    { kind: "retry", afterMs: 0, error: "again" },
    { kind: "dead", error: "no" },
    { kind: "released" },
  ];
  for (const outcome of ends) {
    test(`settle() as ${outcome.kind} withdraws a superseded delivery`, async (world) => {
      const { storage, advance } = world;
      const { failed, succeeded } = await bothEnds("job_1");
      await storage.accept(failed);
      const claim = await claimOne(storage);
      await storage.accept(succeeded);
      expect(await storage.settle(claim, outcome)).toBe(true);
      expect(await statesOf(storage, failed.id)).toEqual({});
      await advance(day);
      expect(await claimedIds(storage)).toEqual([succeeded.id]);
      expect(await storage.settle(claim, outcome)).toBe(false);
    });
  }

  test("claim() withdraws a superseded delivery whose lease has ended", async (world) => {
    const { storage, advance } = world;
    const { failed, succeeded } = await bothEnds("job_1", { processors: ["a", "b"] });
    await storage.accept(failed);
    const lost = await claimOne(storage, { leaseMs: minute });
    const held = await claimOne(storage, { processors: ["b"], leaseMs: hour });
    await storage.accept(succeeded);
    await advance(2 * minute);
    expect(await claimedIds(storage)).toEqual([succeeded.id]);
    expect(await storage.settle(lost, { kind: "succeeded" })).toBe(false);
    expect(await storage.renew(lost, minute)).toBe(false);
    expect(await statesOf(storage, failed.id)).toEqual({ b: "running" });
    expect(await storage.settle(held, { kind: "succeeded" })).toBe(true);
    expect(await statesOf(storage, failed.id)).toEqual({ b: "succeeded" });
  });

  test("accept() comes to the same end in both orders and at once", async ({ storage }) => {
    const orders: Readonly<
      Record<string, (first: NewEvent, second: NewEvent) => Promise<unknown>>
    > = {
      one_after_another: async (first, second) => {
        await storage.accept(first);
        await storage.accept(second);
      },
      at_once: (first, second) => acceptAll([storage], [first, second]),
    };
    const seen: unknown[] = [];
    for (const [order, accept] of Object.entries(orders)) {
      for (const success of ["first", "last"]) {
        const { failed, succeeded } = await bothEnds(`job_${order}_${success}`);
        await (success === "first" ? accept(succeeded, failed) : accept(failed, succeeded));
        const end = await Promise.all([failed, succeeded].map(({ id }) => storage.get(id)));
        seen.push(end.map((event) => [event?.state, event?.deliveries.map(({ state }) => state)]));
      }
    }
    const expected = [["superseded", []], ["accepted", ["pending"]]];
    expect(seen).toEqual([expected, expected, expected, expected]);
  });

  test("accept() by two storages at once comes to the same end", async (world) => {
    const other = await world.openAnother();
    const jobs = await Promise.all(
      Array.from({ length: 20 }, (_, index) => bothEnds(`job_${index}`)),
    );
    await Promise.all(jobs.flatMap(({ failed, succeeded }, index) => {
      const [one, two] = index % 2 ? [world.storage, other] : [other, world.storage];
      return [one.accept(failed), two.accept(succeeded)];
    }));
    for (const { failed, succeeded } of jobs) {
      expect(await other.get(failed.id)).toMatchObject({ state: "superseded", deliveries: [] });
      expect(await statesOf(other, succeeded.id)).toEqual({ a: "pending" });
    }
  }, { needs: "sharedData" });

  test("accept() supersedes each failure of the job, and no other event", async ({ storage }) => {
    const failure = { event: "job.failed", jobId: "job_1" };
    const before = await newEvent({ ...failure, key: "before" });
    const after = await newEvent({ ...failure, key: "after" });
    const success = await newEvent({ jobId: "job_1" });
    const untouched = [
      await newEvent({ event: "job.failed", jobId: "job_2" }),
      await newEvent({ event: "job.failed", jobId: null, key: "failed of no job" }),
      await newEvent({ event: "job.succeeded", jobId: null, key: "succeeded of no job" }),
      await newEvent({ state: "ignored", event: "job.started", jobId: "job_1" }),
      await newEvent({ state: "ignored", ...failure, key: "ignored failure" }),
      await newEvent({ state: "ignored", event: "job.succeeded", jobId: "job_2" }),
      await newEvent({ state: "quarantined", event: null, jobId: null, key: "digest" }),
      await newEvent({ jobId: "job_1", key: "another success" }),
    ];
    for (const event of [before, ...untouched, success, after]) await storage.accept(event);
    for (const { id } of [before, after]) {
      expect(await storage.get(id)).toMatchObject({ state: "superseded", deliveries: [] });
    }
    for (const { id, state, processors } of [...untouched, success]) {
      expect(await storage.get(id)).toMatchObject({ state });
      expect(Object.keys(await statesOf(storage, id))).toEqual(processors);
    }
  });

  test("accept() supersedes what is left of a job's failures, pruned ones aside", async (world) => {
    const { storage } = world;
    const failures: NewEvent[] = [];
    for (const key of ["first", "second", "third"]) {
      const failed = await newEvent({ event: "job.failed", jobId: "job_1", key });
      failures.push(failed);
      await storage.accept(failed);
    }
    await storage.settle(await claimOne(storage, { limit: 1 }), { kind: "succeeded" });
    expect(await storage.prune({ receivedBefore: receivedAt + hour, limit: 10 })).toBe(1);
    const [pruned, ...left] = failures;
    expect(await storage.get(`${pruned?.id}`)).toBeUndefined();

    const success = await newEvent({ jobId: "job_1" });
    await storage.accept(success);
    for (const { id } of left) {
      expect(await storage.get(id)).toMatchObject({ state: "superseded", deliveries: [] });
    }
    const { events, deliveries } = await storage.stats();
    expect(events).toMatchObject({ accepted: 1, superseded: 2 });
    expect(deliveries).toEqual({ pending: 1, running: 0, succeeded: 0, dead: 0 });
    expect(await claimedIds(storage)).toEqual([success.id]);
  });

  test("accept() knows the ends of a job whatever their keys look like", async ({ storage }) => {
    const swapped = async (jobId: string) => ({
      failed: await newEvent({ event: "job.failed", jobId, key: `job.succeeded:${jobId}` }),
      succeeded: await newEvent({ event: "job.succeeded", jobId, key: `job.failed:${jobId}` }),
    });
    const [one, other] = [await swapped("job_1"), await swapped("job_2")];
    // What looks like the key of another job's end is none of that job's.
    const misleading = await newEvent({ jobId: "job_4", key: "job.succeeded:job_3" });
    const failure = await newEvent({ event: "job.failed", jobId: "job_3" });
    const ends = [one.failed, one.succeeded, other.succeeded, other.failed, misleading, failure];
    for (const event of ends) await storage.accept(event);
    for (const { failed, succeeded } of [one, other]) {
      expect(await storage.get(failed.id)).toMatchObject({ state: "superseded" });
      expect(await storage.get(succeeded.id)).toMatchObject({ state: "accepted" });
      const jobId = `${failed.jobId}`;
      const { events } = await storage.list({ jobId, limit: 10 });
      expect(events.map(({ id }) => id).sort()).toEqual([failed.id, succeeded.id].sort());
      expect(await storage.expectations.add({ jobId, patternId: null, withinMs: 1 }))
        .toBe("fulfilled");
    }
    expect(await storage.get(failure.id)).toMatchObject({ state: "accepted" });
  });
}
