import { expect } from "vitest";
import type { Test } from "../contract.ts";
import { hour, minute } from "./calls.ts";

/** What happened lately, counted. */
export function activityTests(test: Test): void {
  const none = { accepted: 0, duplicates: 0, rejected: 0, dead: 0 };

  test("activity is empty at first", async ({ storage }) => {
    expect(await storage.activity.list(0)).toEqual([]);
  });

  test("activity adds up what is of one minute", async ({ storage, advance }) => {
    const { activity } = storage;
    await activity.add({ accepted: 3, rejected: 1 });
    await advance(10 * minute);
    // Where the clock runs on, these may be of two minutes.
    await Promise.all([
      activity.add({ accepted: 2, dead: 1 }),
      activity.add({ duplicates: 5, accepted: 1 }),
    ]);
    const [first, ...later] = await activity.list(0);
    expect(first).toEqual({ ...none, startsAt: expect.any(Number), accepted: 3, rejected: 1 });
    const startsAt = Number(first?.startsAt);
    expect(startsAt % minute).toBe(0);
    const sum = later.reduce((sum, { accepted, duplicates, dead }) => ({
      accepted: sum.accepted + accepted,
      duplicates: sum.duplicates + duplicates,
      dead: sum.dead + dead,
    }), { accepted: 0, duplicates: 0, dead: 0 });
    expect(sum).toEqual({ accepted: 3, duplicates: 5, dead: 1 });
    expect(await activity.list(startsAt)).toHaveLength(later.length + 1);
    expect(await activity.list(startsAt + 1)).toEqual(later);
  });

  test("activity is shared, and forgets what is older than 25 hours", async (world) => {
    const { storage, openAnother, advance } = world;
    const other = await openAnother();
    await storage.activity.add({ accepted: 1 });
    await advance(20 * hour);
    await other.activity.add({ accepted: 2 });
    expect((await storage.activity.list(0)).map(({ accepted }) => accepted)).toEqual([1, 2]);
    await advance(6 * hour);
    await other.activity.add({ accepted: 4 });
    expect((await storage.activity.list(0)).map(({ accepted }) => accepted)).toEqual([2, 4]);
  }, { needs: "sharedData" });
}
