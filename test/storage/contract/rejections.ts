import type { NewRejection, Rejection, RejectionLimits, Storage } from "imggo-webhooks";
import { expect } from "vitest";
import { receivedAt } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import { bytes, day, expectBytes, followCursor, hour } from "./calls.ts";
import { payloads } from "./payloads.ts";

/** What was refused, kept for a while. */
export function rejectionTests(test: Test): void {
  const newRejection = (id: string, fields: Partial<NewRejection> = {}): NewRejection => ({
    id,
    receivedAt,
    signature: "0123456789abcdef".repeat(4),
    body: new TextEncoder().encode(id),
    ...fields,
  });
  const ample = { maxCount: 1_000, maxBytes: 16 * 1_048_576, maxAgeMs: day };

  const add = (storage: Storage, id: string, limits: Partial<RejectionLimits> = {}) =>
    storage.rejections.add(newRejection(id), { ...ample, ...limits });

  /** Adds one with a body of so many bytes. */
  const addSized = (
    storage: Storage,
    id: string,
    size: number,
    limits: Partial<RejectionLimits> = {},
  ) =>
    storage.rejections.add(
      newRejection(id, { body: new Uint8Array(size) }),
      { ...ample, ...limits },
    );

  const kept = async (storage: Storage, limit: number = 100): Promise<Rejection[]> => {
    const pages = await followCursor((position) => storage.rejections.list({ limit, ...position }));
    for (const { rejections } of pages) expect(rejections.length).toBeLessThanOrEqual(limit);
    // No page leads to one with nothing in it.
    for (const { rejections } of pages.slice(1)) expect(rejections).not.toEqual([]);
    return pages.flatMap(({ rejections }) => rejections);
  };

  const expectKept = async (storage: Storage, ids: readonly string[]) => {
    expect((await kept(storage)).map(({ id }) => id)).toEqual(ids);
    expect((await storage.stats()).rejections).toBe(ids.length);
    for (const id of ids) expect(await storage.rejections.body(id)).toBeDefined();
  };

  test("rejections of nothing are empty", async ({ storage }) => {
    expect(await storage.rejections.list({ limit: 10 })).toEqual(
      { rejections: [], nextCursor: null },
    );
    expect(await storage.rejections.body("rej_unknown")).toBeUndefined();
    await storage.rejections.remove("rej_unknown");
    await expectKept(storage, []);
  });

  test("add() keeps what was refused, those stored first, first", async ({ storage }) => {
    const refused = [
      // Not the time of receipt decides.
      newRejection("rej_b", { receivedAt: receivedAt + hour, signature: "ab".repeat(32) }),
      newRejection("rej_c", { receivedAt: receivedAt - hour, body: bytes(1, 2, 3) }),
      newRejection("rej_a", { body: bytes() }),
    ];
    for (const each of refused) await storage.rejections.add(each, ample);
    const shown = refused.map(({ body, ...rest }) => ({ ...rest, size: body.byteLength }));
    for (const limit of [1, 2, 3, 4]) expect(await kept(storage, limit)).toEqual(shown);
    for (const { id, body } of refused) {
      expectBytes(await storage.rejections.body(id), body);
    }
    expect((await storage.stats()).rejections).toBe(3);
    for (const id of ["", "rej_", "rej_A", "REJ_a", "rej_a ", "rej_%"]) {
      expect(await storage.rejections.body(id)).toBeUndefined();
      await storage.rejections.remove(id);
    }
    await expectKept(storage, ["rej_b", "rej_c", "rej_a"]);
  });

  for (const [what, body] of Object.entries(payloads)) {
    test(`add() keeps a body of ${what} as it is`, async ({ storage }) => {
      await storage.rejections.add(newRejection("rej_1", { body }), ample);
      expectBytes(await storage.rejections.body("rej_1"), body);
      expect(await kept(storage)).toMatchObject([{ size: body.byteLength }]);
      await storage.rejections.remove("rej_1");
      expect(await storage.rejections.body("rej_1")).toBeUndefined();
    });
  }

  test("add() copies what it is given, body() and list() what they return", async (world) => {
    const { storage } = world;
    const larger = bytes(9, 9, 1, 2, 3, 9);
    const refused = { ...newRejection("rej_1"), body: larger.subarray(2, 5) };
    await storage.rejections.add(refused, ample);
    larger.fill(0);
    Object.assign(refused, { id: "rej_2", signature: "", receivedAt: 0 });
    const before = await kept(storage);
    expect(before).toMatchObject([{ id: "rej_1", receivedAt, size: 3 }]);
    (await storage.rejections.body("rej_1"))?.fill(0);
    for (const each of await kept(storage)) Object.assign(each, { id: "rej_3", size: 0 });
    expectBytes(await storage.rejections.body("rej_1"), bytes(1, 2, 3));
    expect(await kept(storage)).toEqual(before);
  });

  test("add() forgets those stored first beyond a count", async ({ storage }) => {
    for (const id of ["d", "b", "a", "c", "e"]) await add(storage, id, { maxCount: 3 });
    await expectKept(storage, ["a", "c", "e"]);
    for (const id of ["d", "b"]) expect(await storage.rejections.body(id)).toBeUndefined();
    await add(storage, "f", { maxCount: 1 });
    await expectKept(storage, ["f"]);
  });

  test("add() forgets those stored first beyond a size", async ({ storage }) => {
    const maxBytes = 1_000;
    for (const id of ["a", "b", "c", "d"]) await addSized(storage, id, 250, { maxBytes });
    await expectKept(storage, ["a", "b", "c", "d"]);
    await addSized(storage, "empty", 0, { maxBytes });
    await expectKept(storage, ["a", "b", "c", "d", "empty"]);
    await addSized(storage, "one", 1, { maxBytes });
    await expectKept(storage, ["b", "c", "d", "empty", "one"]);
    await addSized(storage, "large", 600, { maxBytes });
    await expectKept(storage, ["d", "empty", "one", "large"]);
    await storage.rejections.remove("large");
    await addSized(storage, "again", 700, { maxBytes });
    await expectKept(storage, ["d", "empty", "one", "again"]);
    await addSized(storage, "whole", maxBytes, { maxBytes });
    await expectKept(storage, ["whole"]);
  });

  test("add() keeps none that alone is too large, and forgets none for it", async (world) => {
    const { storage } = world;
    const maxBytes = 1_000;
    await addSized(storage, "a", 400, { maxBytes });
    await addSized(storage, "b", 400, { maxBytes });
    await addSized(storage, "too large", maxBytes + 1, { maxBytes });
    await addSized(storage, "far too large", 1_048_576, { maxBytes });
    await expectKept(storage, ["a", "b"]);
    expect(await storage.rejections.body("too large")).toBeUndefined();
    await addSized(storage, "c", 200, { maxBytes });
    await expectKept(storage, ["a", "b", "c"]);
  });

  test("add() forgets those stored too long ago", async ({ storage, advance }) => {
    const ancient = newRejection("a", { receivedAt: receivedAt - 365 * day });
    await storage.rejections.add(ancient, ample);
    await advance(22 * hour);
    await add(storage, "b");
    await expectKept(storage, ["a", "b"]);
    await advance(3 * hour);
    await add(storage, "c");
    await expectKept(storage, ["b", "c"]);
    await advance(2 * day);
    await expectKept(storage, ["b", "c"]);
    await add(storage, "d");
    await expectKept(storage, ["d"]);
  });

  test("add() goes by the order of storing, though the clock is set back", async (world) => {
    const { storage, advance } = world;
    await add(storage, "a");
    await advance(-hour);
    await add(storage, "b");
    await expectKept(storage, ["a", "b"]);
    await add(storage, "c", { maxCount: 2 });
    await expectKept(storage, ["b", "c"]);
  });

  test("add() with lower limits than before forgets all that is beyond", async ({ storage }) => {
    for (let count = 0; count < 60; count++) await addSized(storage, `${count}`, 10);
    await addSized(storage, "x", 10, { maxCount: 50, maxBytes: 30 });
    await expectKept(storage, ["58", "59", "x"]);
  });

  test("add() made again changes nothing", async ({ storage }) => {
    for (const id of ["a", "b", "a"]) await addSized(storage, id, 400, { maxBytes: 1_000 });
    await expectKept(storage, ["a", "b"]);
    // Counted once, not twice.
    await addSized(storage, "c", 200, { maxBytes: 1_000 });
    await expectKept(storage, ["a", "b", "c"]);
  });

  test("remove() forgets one, and is safe to call again", async ({ storage }) => {
    for (const id of ["a", "b", "c"]) await addSized(storage, id, 300, { maxBytes: 1_000 });
    for (let count = 0; count < 2; count++) {
      await storage.rejections.remove("b");
      await expectKept(storage, ["a", "c"]);
      expect(await storage.rejections.body("b")).toBeUndefined();
    }
    await Promise.all(Array.from({ length: 5 }, () => storage.rejections.remove("a")));
    await expectKept(storage, ["c"]);
    await addSized(storage, "d", 700, { maxBytes: 1_000 });
    await expectKept(storage, ["c", "d"]);
  });

  test("list() pages neither skip nor repeat while some are removed", async ({ storage }) => {
    const ids = Array.from({ length: 24 }, (_, index) => `rej_${(index * 7) % 24}`);
    for (const id of ids) await add(storage, id);
    const removed = new Set<string>();
    let count = 0;
    // What was shown, what is about to be and what comes last; and new ones come.
    const change = async () => {
      for (const index of [count * 3, count * 3 + 4, 23 - count]) {
        const id = ids[index];
        if (id === undefined || removed.size >= 12) continue;
        removed.add(id);
        await storage.rejections.remove(id);
      }
      if (count++ < 4) await add(storage, `new_${count}`);
    };
    const seen = (await followCursor(
      (position) => storage.rejections.list({ limit: 3, ...position }),
      change,
    )).flatMap(({ rejections }) => rejections.map(({ id }) => id));
    expect(new Set(seen).size).toBe(seen.length);
    const stay = ids.filter((id) => !removed.has(id));
    expect(seen.filter((id) => stay.includes(id))).toEqual(stay);
  });

  const expectLimitsAtOnce = async (storages: readonly [Storage, Storage]) => {
    const [storage, other] = storages;
    const flood = (name: string, limits: Partial<RejectionLimits>) =>
      Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          addSized(index % 2 ? storage : other, `${name}_${index}`, 100, limits)),
      );
    for (const limits of [{ maxCount: 10 }, { maxBytes: 1_000 }]) {
      const name = Object.keys(limits)[0] ?? "";
      await flood(name, limits);
      const left = await kept(storage);
      expect(left).toHaveLength(10);
      expect(left.every(({ id }) => id.startsWith(name))).toBe(true);
      await expectKept(storage, left.map(({ id }) => id));
    }
    await Promise.all(
      (await kept(storage)).map(({ id }, index) =>
        (index % 2 ? storage : other).rejections.remove(id)
      ),
    );
    await expectKept(storage, []);
    await addSized(storage, "whole", 1_000, { maxBytes: 1_000 });
    await expectKept(storage, ["whole"]);
  };

  test("add() of 50 at once stays within the limits", async ({ storage }) => {
    await expectLimitsAtOnce([storage, storage]);
  });

  test("add() of 50 at once by two storages stays within the limits", async (world) => {
    await expectLimitsAtOnce([world.storage, await world.openAnother()]);
  }, { needs: "sharedData" });

  test("rejections are there when the storage is opened again", async (world) => {
    await addSized(world.storage, "a", 300);
    await addSized(world.storage, "b", 300);
    const before = await kept(world.storage);
    const storage = await world.reopen();
    expect(await kept(storage)).toEqual(before);
    await addSized(storage, "c", 300, { maxBytes: 600 });
    await expectKept(storage, ["b", "c"]);
  }, { needs: "sharedData" });
}
