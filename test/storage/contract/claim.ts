import type { Claim, Storage } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent, receivedAt } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import {
  acceptAll,
  acceptNew,
  claimedIds,
  claimOne,
  day,
  deliveryOf,
  expectBytes,
  minute,
  nothing,
  request,
  second,
  statesOf,
} from "./calls.ts";

/** Who gets which delivery, and when. */
export function claimTests(test: Test): void {
  test("claim() gives what a processor needs", async ({ storage }) => {
    const traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const event = await newEvent({ receivedAt: receivedAt - 5, traceParent });
    await storage.accept(event);
    const claim = await claimOne(storage);
    expect(claim).toMatchObject({
      eventId: event.id,
      processor: "a",
      attempt: 1,
      receivedAt: event.receivedAt,
      traceParent,
    });
    expect(claim.fence).toBeTypeOf("number");
    expectBytes(claim.body, event.body);
    const delivery = await deliveryOf(storage, claim);
    expect(delivery).toMatchObject({ state: "running", attempts: 1, lastError: null });
    expect(delivery?.dueAt).toBeTypeOf("number");
  });

  test("claim() gives each of 50 deliveries to one of 30 callers at once", async ({ storage }) => {
    await expectEachClaimedOnce([storage]);
  });

  test("claim() by two storages gives each delivery to one caller", async (world) => {
    await expectEachClaimedOnce([world.storage, await world.openAnother()]);
  }, { needs: "sharedData" });

  test("claim() at once gives one expired delivery to one caller", async ({ storage, advance }) => {
    await storage.accept(await newEvent());
    await claimOne(storage);
    await advance(2 * minute);
    const results = await Promise.all(Array.from({ length: 10 }, () => storage.claim(request())));
    expect(results.flatMap(({ claims }) => claims)).toHaveLength(1);
  });

  test("claim() gives no more than its limit", async ({ storage }) => {
    for (let count = 0; count < 5; count++) {
      await storage.accept(await newEvent({ processors: ["a", "b"] }));
    }
    const counts: number[] = [];
    for (const limit of [1, 3, 4, 10]) {
      counts.push((await claimedIds(storage, { processors: ["a", "b"], limit })).length);
    }
    expect(counts).toEqual([1, 3, 4, 2]);
  });

  test("claim() gives those due first, first", async ({ storage, advance }) => {
    const ids: string[] = [];
    for (let count = 0; count < 4; count++) {
      const event = await newEvent();
      await storage.accept(event);
      ids.push(event.id);
      await advance(second);
    }
    expect(await claimedIds(storage, { limit: 1 })).toEqual(ids.slice(0, 1));
    expect(await claimedIds(storage)).toEqual(ids.slice(1));
  });

  test("claim() gives retries by when they are due, and none before", async (world) => {
    const { storage, advance } = world;
    const idByDelay = new Map<number, string>();
    for (const delay of [30, 10, 40, 20]) {
      await storage.accept(await newEvent());
      const claim = await claimOne(storage);
      idByDelay.set(delay, claim.eventId);
      await storage.settle(claim, { kind: "retry", afterMs: delay * minute, error: "again" });
    }
    const inOrder = (...delays: number[]) => delays.map((delay) => idByDelay.get(delay));
    expect(await storage.claim(request())).toEqual(nothing);
    await advance(9 * minute);
    expect(await storage.claim(request())).toEqual(nothing);
    await advance(16 * minute);
    expect(await claimedIds(storage, { leaseMs: day })).toEqual(inOrder(10, 20));
    await storage.accept(await newEvent({ id: "evt_new" }));
    await advance(20 * minute);
    expect(await claimedIds(storage, { leaseMs: day })).toEqual(["evt_new", ...inOrder(30, 40)]);
  });

  test("claim() gives each processor its own delivery", async ({ storage }) => {
    const event = await newEvent({ processors: ["a", "b"] });
    await storage.accept(event);
    const a = await claimOne(storage, { processors: ["a"] });
    const b = await claimOne(storage, { processors: ["b"] });
    expect([a.processor, b.processor]).toEqual(["a", "b"]);
    expect(await storage.settle(a, { kind: "dead", error: "no" })).toBe(true);
    expect(await statesOf(storage, event.id)).toEqual({ a: "dead", b: "running" });
    expect(await storage.settle(b, { kind: "retry", afterMs: 0, error: "b's" })).toBe(true);
    expect((await storage.get(event.id))?.deliveries).toMatchObject([
      { processor: "a", state: "dead", attempts: 1, lastError: "no" },
      { processor: "b", state: "pending", attempts: 1, lastError: "b's" },
    ]);
  });

  test("claim() gives only what the caller can run", async ({ storage, advance }) => {
    const event = await newEvent({ processors: ["a", "b"] });
    await storage.accept(event);
    expect(await storage.claim(request({ processors: [] }))).toEqual(nothing);
    expect(await storage.claim(request({ processors: ["A", "c"] }))).toEqual(nothing);
    expect((await claimOne(storage, { processors: ["c", "b"] })).processor).toBe("b");
    await advance(2 * minute);
    expect((await claimOne(storage, { processors: ["a"] })).processor).toBe("a");
  });

  test("claim() lets no long queue keep another processor waiting", async ({ storage }) => {
    const long = 20;
    for (let count = 0; count < long; count++) await storage.accept(await newEvent());
    for (const processor of ["b", "c"]) {
      await storage.accept(await newEvent({ processors: [processor] }));
    }
    const { claims } = await storage.claim(request({ processors: ["a", "b", "c"], limit: 6 }));
    expect(claims).toHaveLength(6);
    expect(new Set(claims.map(({ processor }) => processor))).toEqual(new Set(["a", "b", "c"]));
  });

  // A worker that is busy asks for one at a time, whenever a slot gets free.
  for (const processors of [["a", "b"], ["b", "a"]]) {
    test(`claim() of one at a time lets none of ${processors} wait for all the other's`, async (world) => {
      const { storage } = world;
      const long = 30;
      for (const processor of processors) {
        const count = processor === processors[0] ? long : 1;
        for (let index = 0; index < count; index++) {
          await storage.accept(await newEvent({ processors: [processor] }));
        }
      }
      const order: string[] = [];
      while (order.length <= long) {
        const claim = await claimOne(storage, { processors, limit: 1 });
        await storage.settle(claim, { kind: "succeeded" });
        order.push(claim.processor);
      }
      expect(order.indexOf(processors[1] ?? "")).toBeLessThan(long);
    });
  }

  test("claim() gives a poisonous event up without another run", async ({ storage, advance }) => {
    const event = await newEvent();
    await storage.accept(event);
    let last: Claim | undefined;
    for (const attempt of [1, 2, 3]) {
      last = await claimOne(storage, { maxAttempts: 3 });
      expect(last.attempt).toBe(attempt);
      await advance(2 * minute);
    }
    const { claims, exhausted } = await storage.claim(request({ maxAttempts: 3 }));
    expect(claims).toEqual([]);
    expect(exhausted).toEqual([
      { eventId: event.id, processor: "a", fence: expect.any(Number) },
    ]);
    const dead = {
      processor: "a",
      state: "dead",
      attempts: 3,
      dueAt: null,
      endedAt: expect.any(Number),
      lastError: expect.any(String),
    };
    expect((await storage.get(event.id))?.deliveries).toEqual([dead]);
    // The process that was thought dead comes back.
    expect(await storage.settle(last as Claim, { kind: "succeeded" })).toBe(false);
    expect(await storage.renew(last as Claim, minute)).toBe(false);
    await advance(day);
    expect(await storage.claim(request({ maxAttempts: 100 }))).toEqual(nothing);
    expect((await storage.get(event.id))?.deliveries).toEqual([dead]);
  });

  test("claim() with fewer attempts than were made gives up too", async ({ storage }) => {
    await storage.accept(await newEvent());
    for (let attempt = 1; attempt <= 3; attempt++) {
      await storage.settle(await claimOne(storage), { kind: "retry", afterMs: 0, error: "again" });
    }
    const { claims, exhausted } = await storage.claim(request({ maxAttempts: 2 }));
    expect([claims.length, exhausted.length]).toEqual([0, 1]);
    expect(await storage.claim(request())).toEqual(nothing);
  });

  // Whoever gets no claims takes it that nothing is due.
  test("claim() finds what is due behind what it does not run", async ({ storage, advance }) => {
    for (let count = 0; count < 3; count++) await storage.accept(await newEvent());
    const failed = await newEvent({ event: "job.failed", jobId: "job_1" });
    await storage.accept(failed);
    expect(await claimedIds(storage, { maxAttempts: 1 })).toHaveLength(4);
    await storage.accept(await newEvent({ jobId: "job_1", processors: [] }));
    await advance(2 * minute);
    const fresh = await newEvent();
    await storage.accept(fresh);
    expect(await claimedIds(storage, { maxAttempts: 1, limit: 1 })).toEqual([fresh.id]);
  });

  test("claim() gives no more than its limit behind what is exhausted", async (world) => {
    const { storage, advance } = world;
    for (let count = 0; count < 4; count++) await acceptNew(storage);
    const once = { maxAttempts: 1 };
    expect(await claimedIds(storage, once)).toHaveLength(4);
    await advance(2 * minute);
    for (let count = 0; count < 6; count++) await acceptNew(storage);
    const { claims, exhausted } = await storage.claim(request({ ...once, limit: 3 }));
    expect([claims.length, exhausted.length]).toEqual([3, 4]);
    expect(await claimedIds(storage, once)).toHaveLength(3);
  });
}

async function expectEachClaimedOnce(storages: readonly Storage[]): Promise<void> {
  const [storage] = storages;
  if (storage === undefined) throw new Error("no storage to claim from");
  const events = await Promise.all(Array.from({ length: 50 }, () => newEvent()));
  await acceptAll(storages, events);
  const results = await Promise.all(Array.from(
    { length: 30 },
    (_, index) => (storages[index % storages.length] as Storage).claim(request({ limit: 3 })),
  ));
  const ids = results.flatMap(({ claims }) => claims.map(({ eventId }) => eventId));
  // Callers at once may step aside for each other; what they left is there for the next.
  ids.push(...await claimedIds(storage));
  expect(ids.sort()).toEqual(events.map(({ id }) => id).sort());
}
