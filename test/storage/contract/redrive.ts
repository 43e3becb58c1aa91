import type { DeadFilter, Storage } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import {
  acceptAll,
  acceptNew,
  claimedIds,
  claimOne,
  deliveryOf,
  end,
  hour,
  listedIds,
  minute,
  nothing,
  request,
  statesOf,
} from "./calls.ts";

/** How dead deliveries come back. */
export function redriveTests(test: Test): void {
  test("redrive() and countDead() find nothing where nothing is dead", async ({ storage }) => {
    expect(await storage.redrive({ limit: 10 })).toBe(0);
    expect(await storage.countDead({})).toBe(0);
    await acceptNew(storage, { processors: ["a", "b", "c"] });
    await end(storage, "a", "succeeded");
    await claimOne(storage, { processors: ["b"] });
    expect(await storage.countDead({})).toBe(0);
    expect(await storage.redrive({ limit: 10 })).toBe(0);
  });

  test("redrive() runs again what is dead, and nothing else", async ({ storage }) => {
    const processors = ["dead", "pending", "running", "succeeded"];
    const id = await acceptNew(storage, { processors });
    const ended = await end(storage, "dead", "dead");
    await end(storage, "succeeded", "succeeded");
    const running = await claimOne(storage, { processors: ["running"] });
    const others = ((await storage.get(id))?.deliveries ?? []).slice(1);

    expect(await storage.countDead({})).toBe(1);
    expect(await storage.redrive({ limit: 10 })).toBe(1);
    expect((await storage.get(id))?.deliveries).toEqual([{
      processor: "dead",
      state: "pending",
      attempts: 0,
      dueAt: expect.any(Number),
      endedAt: null,
      lastError: "dead failed",
    }, ...others]);
    expect(await storage.countDead({})).toBe(0);
    expect(await storage.redrive({ limit: 10 })).toBe(0);
    expect(await storage.settle(ended, { kind: "succeeded" })).toBe(false);
    expect(await storage.renew(running, minute)).toBe(true);

    const again = await claimOne(storage, { processors: ["dead"] });
    expect(again.attempt).toBe(1);
    expect(again.fence).toBeGreaterThan(ended.fence);
    expect(await storage.settle(ended, { kind: "succeeded" })).toBe(false);
    expect(await storage.settle(again, { kind: "succeeded" })).toBe(true);
    expect(await statesOf(storage, id)).toMatchObject({ dead: "succeeded" });
  });

  test("redrive() and countDead() go by each filter, and by all", async (world) => {
    const { storage, advance } = world;
    const events = ["job.succeeded", "job.failed"];
    const patterns = ["pat_1", "pat_2", null];
    for (const event of events) {
      for (const patternId of patterns) {
        const id = await acceptNew(storage, { event, patternId, processors: ["a", "b"] });
        for (const processor of ["a", "b"]) await end(storage, processor, "dead");
        await advance(minute);
        expect(await listedIds(storage, { deliveryState: "dead" })).toContain(id);
      }
    }
    const { events: stored } = await storage.list({ limit: 10 });
    const ends = stored.flatMap(({ deliveries }) => deliveries.map(({ endedAt }) => endedAt ?? NaN))
      .sort((a, b) => a - b);
    expect(ends.every(Number.isInteger)).toBe(true);
    const middle = ends[6] ?? NaN;
    const filters: readonly (readonly [DeadFilter, number])[] = [
      [{}, 12],
      [{ processor: "a" }, 6],
      [{ processor: "A" }, 0],
      [{ event: "job.failed" }, 6],
      [{ event: "job.started" }, 0],
      [{ patternId: "pat_1" }, 4],
      [{ patternId: "null" }, 0],
      [{ processor: "b", patternId: "pat_2" }, 2],
      [{ processor: "b", patternId: "pat_2", event: "job.failed" }, 1],
      [{ deadAfter: middle - minute / 2 }, 6],
      [{ deadBefore: middle - minute / 2 }, 6],
      [{ deadAfter: middle - minute / 2, processor: "a", event: "job.succeeded" }, 0],
      [{ deadAfter: middle + hour }, 0],
      [{ deadBefore: middle - hour }, 0],
      [{ deadAfter: middle, deadBefore: middle }, 0],
    ];
    for (const [filter, count] of filters) {
      expect([filter, await storage.countDead(filter)]).toEqual([filter, count]);
    }
    let left = 12;
    for (const [filter, count] of filters.filter(([, count]) => count < 2)) {
      expect(await redriveAll(storage, filter, 5)).toBe(count);
      left -= count;
      expect(await storage.countDead({})).toBe(left);
    }
    expect(await redriveAll(storage, { processor: "a", event: "job.failed" }, 2)).toBe(3);
    const claimed = await storage.claim(request({ processors: ["a"] }));
    const redriven = await Promise.all(
      claimed.claims.map(async ({ eventId }) => (await storage.get(eventId))?.event),
    );
    expect(redriven).toEqual(["job.failed", "job.failed", "job.failed"]);
  });

  test("redrive() takes times to the millisecond, the first one in", async ({ storage }) => {
    await acceptNew(storage);
    const endedAt = (await deliveryOf(storage, await end(storage, "a", "dead")))?.endedAt ?? NaN;
    const none = [
      { deadAfter: endedAt + 1 },
      { deadBefore: endedAt },
      { deadAfter: endedAt, deadBefore: endedAt },
    ];
    for (const filter of none) {
      expect(await storage.countDead(filter)).toBe(0);
      expect(await storage.redrive({ ...filter, limit: 10 })).toBe(0);
    }
    const one = { deadAfter: endedAt, deadBefore: endedAt + 1 };
    expect(await storage.countDead(one)).toBe(1);
    expect(await storage.redrive({ ...one, limit: 10 })).toBe(1);
  });

  test("redrive() brings back what never ended its last attempt", async ({ storage, advance }) => {
    const id = await acceptNew(storage);
    await claimOne(storage, { maxAttempts: 1 });
    await advance(2 * minute);
    expect((await storage.claim(request({ maxAttempts: 1 }))).exhausted).toHaveLength(1);
    const endedAt = (await storage.get(id))?.deliveries[0]?.endedAt ?? NaN;
    expect(await storage.countDead({ deadAfter: endedAt, deadBefore: endedAt + 1 })).toBe(1);
    expect(await storage.redrive({ limit: 1 })).toBe(1);
    expect(await claimOne(storage, { maxAttempts: 1 })).toMatchObject({ attempt: 1 });
  });

  test("redrive() does no more than its limit at a time, and comes to an end", async (world) => {
    const { storage } = world;
    await storeDead(storage, 7);
    expect(await storage.redrive({ limit: 1 })).toBe(1);
    expect(await storage.countDead({})).toBe(6);
    expect(await claimedIds(storage)).toHaveLength(1);
    expect(await redriveAll(storage, {}, 4)).toBe(6);
    expect(await claimedIds(storage)).toHaveLength(6);
  });

  test("redrive() brings back 150, with a limit below and one above", async ({ storage }) => {
    const ids = await storeDead(storage, 150);
    expect(await storage.countDead({})).toBe(150);
    const count = await storage.redrive({ limit: 120 });
    expect(count).toBeLessThanOrEqual(120);
    expect(await storage.countDead({})).toBe(150 - count);
    expect(await redriveAll(storage, {}, 1_000)).toBe(150 - count);
    const claimed = [...await claimedIds(storage), ...await claimedIds(storage)];
    expect(claimed.sort()).toEqual(ids.sort());
  });

  const expectOnceAtOnce = async (storages: readonly [Storage, Storage]) => {
    const [storage] = storages;
    const ids = await storeDead(storage, 30);
    const counts = await Promise.all(
      Array.from({ length: 6 }, (_, index) => redriveAll(storages[index % 2 ? 1 : 0], {}, 4)),
    );
    // Callers at once may step aside for each other.
    counts.push(await redriveAll(storage, {}, 4));
    expect(counts.reduce((sum, count) => sum + count)).toBe(30);
    expect((await claimedIds(storage)).sort()).toEqual(ids.sort());
    expect(await storage.claim(request())).toEqual(nothing);
  };

  test("redrive() by six callers at once counts none twice", async ({ storage }) => {
    await expectOnceAtOnce([storage, storage]);
  });

  test("redrive() by two storages at once counts none twice", async (world) => {
    await expectOnceAtOnce([world.storage, await world.openAnother()]);
  }, { needs: "sharedData" });

  test("redrive() knows no dead deliveries of superseded events", async ({ storage }) => {
    const failed = await acceptNew(storage, { event: "job.failed", jobId: "job_1" });
    await end(storage, "a", "dead");
    expect(await storage.countDead({ event: "job.failed" })).toBe(1);
    await acceptNew(storage, { jobId: "job_1", processors: [] });
    expect(await storage.countDead({})).toBe(0);
    expect(await storage.redrive({ limit: 10 })).toBe(0);
    expect(await storage.get(failed)).toMatchObject({ state: "superseded", deliveries: [] });
  });

  test("redrive() of what then is superseded is withdrawn", async ({ storage }) => {
    const failed = await acceptNew(storage, { event: "job.failed", jobId: "job_1" });
    await end(storage, "a", "dead");
    expect(await storage.redrive({ limit: 10 })).toBe(1);
    await acceptNew(storage, { jobId: "job_1", processors: [] });
    expect(await statesOf(storage, failed)).toEqual({});
    expect(await storage.claim(request())).toEqual(nothing);
  });

  test("countDead() counts one that dies again by its new end", async ({ storage, advance }) => {
    const again = await acceptNew(storage, { processors: ["a"] });
    const once = await acceptNew(storage, { processors: ["b"] });
    await end(storage, "a", "dead");
    await end(storage, "b", "dead");
    await advance(hour);
    expect(await storage.redrive({ processor: "a", limit: 10 })).toBe(1);
    expect(await storage.countDead({})).toBe(1);
    await end(storage, "a", "dead");
    expect(await storage.countDead({})).toBe(2);
    const endOf = async (id: string) => (await storage.get(id))?.deliveries[0]?.endedAt ?? NaN;
    const [later, earlier] = [await endOf(again), await endOf(once)];
    expect(later - earlier).toBeGreaterThan(59 * minute);
    expect(await storage.countDead({ deadAfter: later })).toBe(1);
    expect(await storage.redrive({ deadAfter: later, limit: 10 })).toBe(1);
    expect(await statesOf(storage, again)).toEqual({ a: "pending" });
    expect(await statesOf(storage, once)).toEqual({ b: "dead" });
  });
}

/** Redrives until there is nothing more; how many. */
async function redriveAll(storage: Storage, filter: DeadFilter, limit: number): Promise<number> {
  let all = 0;
  for (let calls = 0; calls < 200; calls++) {
    const count = await storage.redrive({ ...filter, limit });
    expect(count).toBeLessThanOrEqual(limit);
    if (count === 0) return all;
    all += count;
  }
  throw new Error("redrive() came to no end");
}

/** Stores events whose only delivery is dead; their ids. */
async function storeDead(storage: Storage, count: number): Promise<string[]> {
  await acceptAll([storage], await Promise.all(Array.from({ length: count }, () => newEvent())));
  const ids: string[] = [];
  while (ids.length < count) {
    const { claims } = await storage.claim(request());
    const settled = claims.map((claim) => storage.settle(claim, { kind: "dead", error: "no" }));
    expect(new Set(await Promise.all(settled))).toEqual(new Set([true]));
    ids.push(...claims.map(({ eventId }) => eventId));
  }
  return ids;
}
