import type { Lease, Storage } from "imggo-webhooks";
import { expect } from "vitest";
import { receivedAt } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import {
  acceptNew,
  claimedIds,
  claimOne,
  day,
  deliveryOf,
  end,
  hour,
  listedIds,
  minute,
  nothing,
  request,
  second,
  statesOf,
} from "./calls.ts";

/** What runs again when an operator asks. */
export function redeliverTests(test: Test): void {
  const old = { receivedBefore: receivedAt + hour, limit: 100 };

  const expectLost = async (storage: Storage, lease: Lease) => {
    const before = await storage.get(lease.eventId);
    expect(await storage.settle(lease, { kind: "succeeded" })).toBe(false);
    expect(await storage.settle(lease, { kind: "dead", error: "late" })).toBe(false);
    expect(await storage.renew(lease, day)).toBe(false);
    expect(await storage.get(lease.eventId)).toEqual(before);
  };

  for (const kind of ["succeeded", "dead"] as const) {
    test(`redeliver() runs again what is ${kind}, with attempts counted anew`, async (world) => {
      const { storage } = world;
      const id = await acceptNew(storage);
      const first = await claimOne(storage);
      await storage.settle(first, { kind: "retry", afterMs: 0, error: "Error: once" });
      const ended = await end(storage, "a", kind);
      const { lastError } = await deliveryOf(storage, ended) ?? {};
      expect(lastError).toBe(kind === "dead" ? "a failed" : "Error: once");

      expect(await storage.redeliver(id, ["a"])).toBe(1);
      expect((await storage.get(id))?.deliveries).toEqual([{
        processor: "a",
        state: "pending",
        attempts: 0,
        dueAt: expect.any(Number),
        endedAt: null,
        lastError,
      }]);
      for (const lease of [first, ended]) await expectLost(storage, lease);
      const again = await claimOne(storage);
      expect(again).toMatchObject({ eventId: id, processor: "a", attempt: 1 });
      expect(again.fence).toBeGreaterThan(ended.fence);
      for (const lease of [first, ended]) await expectLost(storage, lease);
      expect(await deliveryOf(storage, again)).toMatchObject(
        { state: "running", attempts: 1, endedAt: null, lastError },
      );
      expect(await storage.settle(again, { kind: "succeeded" })).toBe(true);
      expect(await deliveryOf(storage, again)).toMatchObject(
        { state: "succeeded", attempts: 1, dueAt: null, endedAt: expect.any(Number) },
      );
      expect(await storage.claim(request())).toEqual(nothing);
    });
  }

  test("redeliver() gives all attempts again to what used them up", async (world) => {
    const { storage, advance } = world;
    const id = await acceptNew(storage);
    for (let round = 0; round < 3; round++) {
      for (const attempt of [1, 2]) {
        expect(await claimOne(storage, { maxAttempts: 2 })).toMatchObject({ attempt });
        await advance(2 * minute);
      }
      const { claims, exhausted } = await storage.claim(request({ maxAttempts: 2 }));
      expect([claims.length, exhausted.length]).toEqual([0, 1]);
      expect(await storage.redeliver(id, ["a"])).toBe(1);
    }
  });

  test("redeliver() leaves alone what has not ended", async ({ storage }) => {
    const processors = ["pending", "retried", "running"];
    const id = await acceptNew(storage, { processors });
    await storage.settle(
      await claimOne(storage, { processors: ["retried"] }),
      { kind: "retry", afterMs: hour, error: "later" },
    );
    const running = await claimOne(storage, { processors: ["running"] });
    const before = await storage.get(id);
    expect(await storage.redeliver(id, processors)).toBe(0);
    expect(await storage.get(id)).toEqual(before);
    expect(await storage.renew(running, minute)).toBe(true);
    expect((await claimOne(storage, { processors })).processor).toBe("pending");
  });

  test("redeliver() leaves a lost lease to whoever claims next", async ({ storage, advance }) => {
    const id = await acceptNew(storage);
    await claimOne(storage);
    await advance(2 * minute);
    expect(await storage.redeliver(id, ["a"])).toBe(0);
    expect(await claimOne(storage)).toMatchObject({ attempt: 2 });
  });

  test("redeliver() gives a processor that had none a delivery", async ({ storage }) => {
    const id = await acceptNew(storage, { processors: [] });
    expect(await storage.redeliver(id, ["b"])).toBe(1);
    const fresh = {
      state: "pending",
      attempts: 0,
      dueAt: expect.any(Number),
      endedAt: null,
      lastError: null,
    };
    expect((await storage.get(id))?.deliveries).toEqual([{ processor: "b", ...fresh }]);
    expect(await claimOne(storage, { processors: ["b"] })).toMatchObject(
      { eventId: id, attempt: 1 },
    );
    expect(await storage.redeliver(id, ["c", "a", "b"])).toBe(2);
    expect((await storage.get(id))?.deliveries).toMatchObject(
      [{ processor: "a", ...fresh }, { processor: "b", state: "running" }, {
        processor: "c",
        ...fresh,
      }],
    );
  });

  test("redeliver() runs what was named, and that once", async ({ storage }) => {
    const ids = [];
    for (let count = 0; count < 3; count++) {
      ids.push(await acceptNew(storage, { processors: ["a", "b"] }));
      for (const processor of ["a", "b"]) await end(storage, processor, "dead");
    }
    const id = ids[1] ?? "";
    expect(await storage.redeliver(id, [])).toBe(0);
    expect(await storage.redeliver(id, ["b", "c", "b", "c"])).toBe(2);
    expect(await statesOf(storage, id)).toEqual({ a: "dead", b: "pending", c: "pending" });
    expect(await listedIds(storage, { deliveryState: "pending" })).toEqual([id]);
    const { claims } = await storage.claim(request({ processors: ["a", "b", "c"] }));
    expect(claims.map(({ eventId, processor }) => [eventId, processor]).sort())
      .toEqual([[id, "b"], [id, "c"]]);
  });

  test("redeliver() of what is no accepted event does nothing", async ({ storage }) => {
    const ids = [
      "evt_unknown",
      await acceptNew(storage, { state: "ignored", event: "job.started" }),
      await acceptNew(storage, { state: "quarantined", event: null, jobId: null, key: "digest" }),
      await acceptNew(storage, { event: "job.failed", jobId: "job_1", processors: ["a"] }),
    ];
    await end(storage, "a", "succeeded");
    await acceptNew(storage, { jobId: "job_1", processors: [] });
    const pruned = await acceptNew(storage, { receivedAt: receivedAt - day, processors: [] });
    expect(await storage.prune({ receivedBefore: receivedAt, limit: 10 })).toBe(1);
    const before = await Promise.all(ids.map((id) => storage.get(id)));
    for (const id of [...ids, pruned]) expect(await storage.redeliver(id, ["a", "b"])).toBe(0);
    expect(await Promise.all(ids.map((id) => storage.get(id)))).toEqual(before);
    expect(await storage.get(pruned)).toBeUndefined();
    expect(await storage.claim(request({ processors: ["a", "b"] }))).toEqual(nothing);
  });

  test("redeliver() made again changes nothing", async ({ storage }) => {
    const id = await acceptNew(storage);
    await end(storage, "a", "dead");
    expect(await storage.redeliver(id, ["a", "b"])).toBe(2);
    const once = await storage.get(id);
    expect(await storage.redeliver(id, ["a", "b"])).toBe(0);
    expect(await storage.get(id)).toEqual(once);
    await claimOne(storage);
    expect(await storage.redeliver(id, ["a", "b"])).toBe(0);
    expect(await claimedIds(storage, { processors: ["a", "b"] })).toEqual([id]);
  });

  test("redeliver() waits its turn behind what is due", async ({ storage, advance }) => {
    const redelivered = await acceptNew(storage);
    await end(storage, "a", "succeeded");
    const waiting = await acceptNew(storage);
    await advance(5 * second);
    await storage.redeliver(redelivered, ["a"]);
    expect(await claimedIds(storage)).toEqual([waiting, redelivered]);
  });

  test("redeliver() keeps an event from being pruned until it is done", async ({ storage }) => {
    const id = await acceptNew(storage);
    await end(storage, "a", "succeeded");
    await storage.redeliver(id, ["a"]);
    expect(await storage.prune(old)).toBe(0);
    const claim = await claimOne(storage);
    expect(await storage.prune(old)).toBe(0);
    await storage.settle(claim, { kind: "succeeded" });
    await storage.redeliver(id, ["new"]);
    expect(await storage.prune(old)).toBe(0);
    await end(storage, "new", "succeeded");
    expect(await storage.prune(old)).toBe(1);
    expect(await storage.redeliver(id, ["a"])).toBe(0);
  });
}
