import { expect } from "vitest";
import { newEvent, receivedAt, repeatOf } from "../../support/new-event.ts";
import type { Test, World } from "../contract.ts";
import { awaitJob } from "./awaited.ts";
import {
  bytes,
  claimedIds,
  claimOne,
  expectBytes,
  hour,
  minute,
  nothing,
  request,
  statesOf,
} from "./calls.ts";

/** Clocks that jump, and storages that are closed and opened again. */
export function timeTests(test: Test): void {
  /** Minute by minute, runs all that is due; how often each event was run. */
  const runAll = async ({ storage, advance }: World, minutes: number) => {
    const runs: Record<string, number> = {};
    for (let count = 0; count < minutes; count++) {
      for (const claim of (await storage.claim(request())).claims) {
        runs[claim.eventId] = (runs[claim.eventId] ?? 0) + 1;
        expect(await storage.settle(claim, { kind: "succeeded" })).toBe(true);
      }
      await advance(minute);
    }
    return runs;
  };

  const accept = async ({ storage }: World, id: string) => {
    await storage.accept(await newEvent({ id }));
  };

  test("a clock set back an hour loses nothing and repeats nothing", async (world) => {
    const { storage, advance } = world;
    await accept(world, "held");
    const held = await claimOne(storage);
    await accept(world, "abandoned");
    await claimOne(storage);
    await accept(world, "retried");
    await storage.settle(await claimOne(storage), {
      kind: "retry",
      afterMs: minute,
      error: "again",
    });
    await accept(world, "pending");

    await advance(-hour);
    const early = await claimedIds(storage);
    expect(early).not.toContain("held");
    expect(early).not.toContain("abandoned");
    await accept(world, "new");
    expect(await storage.renew(held, hour)).toBe(true);
    expect(await claimedIds(storage)).toContain("new");
    expect(await storage.settle(held, { kind: "succeeded" })).toBe(true);

    const runs = await runAll(world, 70);
    expect(runs["held"]).toBeUndefined();
    for (const id of ["held", "abandoned", "retried", "pending", "new"]) {
      expect(await statesOf(storage, id)).toEqual({ a: "succeeded" });
      expect(runs[id] ?? 0).toBeLessThanOrEqual(1);
    }
  });

  test("a clock set an hour forward, and back, loses nothing", async (world) => {
    const { storage, advance } = world;
    await accept(world, "held");
    const early = await claimOne(storage);
    await advance(hour);
    // As far as the storage can tell, the lease has ended; the fence guards the other holder.
    const late = await claimOne(storage);
    expect(late.eventId).toBe("held");
    expect(await storage.settle(early, { kind: "dead", error: "lost" })).toBe(false);
    await accept(world, "retried");
    await storage.settle(await claimOne(storage), {
      kind: "retry",
      afterMs: minute,
      error: "again",
    });
    await accept(world, "abandoned");
    await claimOne(storage);
    await accept(world, "pending");

    await advance(-hour);
    expect(await claimedIds(storage)).not.toContain("held");
    expect(await storage.renew(early, minute)).toBe(false);
    expect(await storage.settle(late, { kind: "succeeded" })).toBe(true);
    const runs = await runAll(world, 70);
    expect(runs["held"]).toBeUndefined();
    for (const id of ["held", "retried", "abandoned", "pending"]) {
      expect(await statesOf(storage, id)).toEqual({ a: "succeeded" });
      expect(runs[id] ?? 0).toBeLessThanOrEqual(1);
    }
  });

  test("what is due at a time is due as soon as it has come", async ({ storage, advance }) => {
    await storage.accept(await newEvent({ id: "leased", processors: ["leased"] }));
    await storage.accept(await newEvent({ id: "retried", processors: ["retried"] }));
    const processors = ["leased", "retried"];
    await claimOne(storage, { processors: ["leased"], leaseMs: minute });
    await storage.settle(
      await claimOne(storage, { processors: ["retried"] }),
      { kind: "retry", afterMs: minute, error: "again" },
    );
    await awaitJob(storage, "job_1", { withinMs: minute });
    await advance(minute);
    expect((await storage.stats()).oldestDueAt).not.toBeNull();
    expect((await claimedIds(storage, { processors })).sort()).toEqual(["leased", "retried"]);
    expect((await storage.stats()).expectations).toEqual({ waiting: 0, overdue: 1 });
    const asked = async () =>
      (await storage.expectations.claim({ limit: 10, leaseMs: minute })).map(({ jobId }) => jobId);
    expect(await asked()).toEqual(["job_1"]);
    await advance(minute);
    expect(await asked()).toEqual(["job_1"]);
    await storage.expectations.postpone("job_1", { afterMs: minute, error: "running" });
    await advance(minute);
    expect(await asked()).toEqual(["job_1"]);
  });

  test("a storage that is closed and opened again holds all that it held", async (world) => {
    const { advance, reopen } = world;
    let storage = world.storage;
    const processors = ["a", "b", "c", "d", "e"];
    const event = await newEvent({ processors, body: bytes(0, 255, 10) });
    await storage.accept(event);
    await storage.accept(repeatOf(event));
    await storage.accept(await newEvent({ state: "quarantined", event: null, key: "digest" }));
    const pruned = await newEvent({ processors: [] });
    await storage.accept(pruned);
    await storage.prune({ receivedBefore: receivedAt + 1, limit: 10 });
    const claim = (processor: string) => claimOne(storage, { processors: [processor] });
    await storage.settle(await claim("a"), { kind: "succeeded" });
    await storage.settle(await claim("b"), { kind: "dead", error: "no" });
    await storage.settle(await claim("c"), { kind: "retry", afterMs: hour, error: "later" });
    const running = await claim("d");
    const before = await storage.get(event.id);
    const page = await storage.list({ limit: 1 });

    storage = await reopen();
    expect(await storage.get(event.id)).toEqual(before);
    expect(before).toMatchObject({ duplicates: 1 });
    expectBytes(await storage.body(event.id), event.body);
    expect(await storage.list({ limit: 1 })).toEqual(page);
    const rest = await storage.list({ limit: 1, cursor: page.nextCursor ?? "" });
    expect(rest).toEqual({ events: [before], nextCursor: null });
    for (const known of [event, pruned]) {
      const repeat = await storage.accept(repeatOf(known));
      expect(repeat).toMatchObject({ id: known.id, duplicate: true });
    }
    expect((await claimOne(storage, { processors })).processor).toBe("e");
    expect(await storage.renew(running, minute)).toBe(true);
    await advance(2 * minute);
    const next = await claimOne(storage, { processors: ["a", "b", "c", "d"] });
    expect(next).toMatchObject({ eventId: event.id, processor: "d", attempt: 2 });
    expect(next.fence).toBeGreaterThan(running.fence);
    expect(await storage.settle(running, { kind: "succeeded" })).toBe(false);
    expect(await storage.settle(next, { kind: "succeeded" })).toBe(true);
    await advance(hour);
    expect(await claimOne(storage, { processors: ["a", "b", "c"] })).toMatchObject(
      { processor: "c", attempt: 2 },
    );
  }, { needs: "sharedData" });

  test("two storages over the same data see each other's changes", async (world) => {
    const { storage, advance } = world;
    const other = await world.openAnother();
    const event = await newEvent();
    await storage.accept(event);
    const repeat = await other.accept(repeatOf(event));
    expect(repeat).toMatchObject({ id: event.id, duplicate: true });
    const old = await claimOne(storage);
    expect(await other.claim(request())).toEqual(nothing);
    await advance(2 * minute);
    const current = await claimOne(other);
    expect(current).toMatchObject({ eventId: event.id, attempt: 2 });
    expect(await storage.settle(old, { kind: "succeeded" })).toBe(false);
    expect(await other.settle(current, { kind: "succeeded" })).toBe(true);
    expect(await statesOf(storage, event.id)).toEqual({ a: "succeeded" });
  }, { needs: "sharedData" });
}
