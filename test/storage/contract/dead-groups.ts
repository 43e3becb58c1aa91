import type { Storage } from "imggo-webhooks";
import { expect } from "vitest";
import type { Test } from "../contract.ts";
import { acceptNew, claimOne, minute } from "./calls.ts";

/** Dead deliveries by what they died of. */
export function deadGroupTests(test: Test): void {
  const die = async (storage: Storage, error: string, processor: string = "a") => {
    const id = await acceptNew(storage, { processors: [processor] });
    await storage.settle(await claimOne(storage, { processors: [processor] }), {
      kind: "dead",
      error,
    });
    return id;
  };

  test("deadGroups() is empty where nothing is dead", async ({ storage }) => {
    await acceptNew(storage);
    await storage.settle(await claimOne(storage), { kind: "retry", afterMs: 0, error: "once" });
    expect(await storage.deadGroups({ limit: 10 })).toEqual([]);
  });

  test("deadGroups() counts by processor and error, the most frequent first", async (world) => {
    const { storage, advance } = world;
    await die(storage, "refused");
    await die(storage, "no such table", "b");
    await advance(minute);
    await die(storage, "refused");
    await advance(minute);
    const last = await die(storage, "refused");
    await die(storage, "refused", "b");
    await advance(minute);
    const other = await die(storage, "no such table", "b");

    const groups = await storage.deadGroups({ limit: 10 });
    const endOf = async (id: string) => (await storage.get(id))?.deliveries[0]?.endedAt;
    expect(groups).toHaveLength(3);
    expect(groups[0]).toEqual({
      processor: "a",
      error: "refused",
      count: 3,
      lastEndedAt: await endOf(last),
      lastEventId: last,
    });
    expect(groups[1]).toEqual({
      processor: "b",
      error: "no such table",
      count: 2,
      lastEndedAt: await endOf(other),
      lastEventId: other,
    });
    expect(groups[2]).toMatchObject({ processor: "b", error: "refused", count: 1 });
    expect(await storage.deadGroups({ limit: 1 })).toEqual(groups.slice(0, 1));
  });

  test("redrive() and countDead() of a group mean it, and nothing else", async ({ storage }) => {
    const error = "Expected \"a\" got '%_\\' — 🍎\u2028\n<b>";
    await die(storage, error);
    await die(storage, error);
    await die(storage, error, "b");
    await die(storage, `${error}.`);
    const group = { processor: "a", error };
    expect(await storage.deadGroups({ limit: 1 })).toMatchObject([{ ...group, count: 2 }]);
    expect(await storage.countDead(group)).toBe(2);
    expect(await storage.countDead({ error })).toBe(3);
    expect(await storage.redrive({ ...group, limit: 1 })).toBe(1);
    expect(await storage.redrive({ ...group, limit: 10 })).toBe(1);
    expect(await storage.redrive({ ...group, limit: 10 })).toBe(0);
    expect(await storage.countDead({})).toBe(2);
    expect(await storage.deadGroups({ limit: 10 })).toHaveLength(2);
  });
}
