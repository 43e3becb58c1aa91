import type { DeliveryState, EventState, Storage, StorageStats } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent, receivedAt, repeatOf } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import {
  acceptAll,
  acceptNew,
  claimOne,
  day,
  end,
  hour,
  minute,
  request,
  second,
} from "./calls.ts";

type EventCounts = Partial<Record<EventState, number>>;
type DeliveryCounts = Partial<Record<DeliveryState, number>>;

const noEvents = { accepted: 0, ignored: 0, quarantined: 0, superseded: 0 };
const noDeliveries = { pending: 0, running: 0, succeeded: 0, dead: 0 };

/** What there is, counted. */
export function statsTests(test: Test): void {
  const expectCounts = async (
    storage: Storage,
    events: EventCounts,
    deliveries: DeliveryCounts,
  ) => {
    const counted = await storage.stats();
    expect([counted.events, counted.deliveries])
      .toEqual([{ ...noEvents, ...events }, { ...noDeliveries, ...deliveries }]);
  };

  test("stats() of an empty storage counts nothing", async ({ storage }) => {
    expect(await storage.stats()).toEqual({
      events: noEvents,
      deliveries: noDeliveries,
      duplicates: 0,
      oldestDueAt: null,
      lastReceivedAt: null,
      expectations: { waiting: 0, overdue: 0 },
      rejections: 0,
    });
  });

  test("stats() counts events by their state", async ({ storage }) => {
    await acceptNew(storage, { processors: [] });
    await acceptNew(storage, { processors: [], event: "job.failed" });
    await acceptNew(storage, { state: "ignored", event: "job.started" });
    await acceptNew(storage, { state: "quarantined", event: null, jobId: null, key: "digest" });
    await expectCounts(storage, { accepted: 2, ignored: 1, quarantined: 1 }, {});
    expect(await storage.stats()).toMatchObject({ duplicates: 0, oldestDueAt: null });
  });

  test("stats() follows deliveries through their states", async ({ storage, advance }) => {
    const deliveries = (counts: DeliveryCounts) => expectCounts(storage, { accepted: 1 }, counts);
    const id = await acceptNew(storage, { processors: ["a", "b", "c"] });
    await deliveries({ pending: 3 });
    const a = await claimOne(storage);
    await deliveries({ pending: 2, running: 1 });
    await storage.renew(a, hour);
    await deliveries({ pending: 2, running: 1 });
    await storage.settle(a, { kind: "released" });
    await deliveries({ pending: 3 });
    await storage.settle(await claimOne(storage), { kind: "retry", afterMs: 0, error: "again" });
    await deliveries({ pending: 3 });
    await end(storage, "b", "succeeded");
    await end(storage, "c", "dead");
    await deliveries({ pending: 1, succeeded: 1, dead: 1 });
    await storage.redrive({ limit: 10 });
    await deliveries({ pending: 2, succeeded: 1 });
    await storage.redeliver(id, ["a", "b", "c", "d"]);
    await deliveries({ pending: 4 });
    const lost = await claimOne(storage);
    await advance(2 * minute);
    await deliveries({ pending: 3, running: 1 });
    expect((await storage.claim(request({ maxAttempts: 1 }))).exhausted).toHaveLength(1);
    await deliveries({ pending: 3, dead: 1 });
    expect(await storage.settle(lost, { kind: "succeeded" })).toBe(false);
    await deliveries({ pending: 3, dead: 1 });
  });

  test("stats() takes out what is superseded and withdrawn", async ({ storage, advance }) => {
    const processors = ["dead", "lost", "pending", "running", "succeeded"];
    await acceptNew(storage, { event: "job.failed", jobId: "job_1", processors });
    await end(storage, "dead", "dead");
    await end(storage, "succeeded", "succeeded");
    const running = await claimOne(storage, { processors: ["running"], leaseMs: day });
    await claimOne(storage, { processors: ["lost"] });
    await acceptNew(storage, { jobId: "job_1", processors: [] });
    const events = { accepted: 1, superseded: 1 };
    await expectCounts(storage, events, { running: 2, succeeded: 1 });
    await advance(2 * minute);
    await storage.claim(request({ processors }));
    await expectCounts(storage, events, { running: 1, succeeded: 1 });
    await storage.settle(running, { kind: "dead", error: "no" });
    await expectCounts(storage, events, { succeeded: 1 });
    const late = { event: "job.failed", jobId: "job_1", key: "late" };
    await acceptNew(storage, late);
    await expectCounts(storage, { accepted: 1, superseded: 2 }, { succeeded: 1 });
    await storage.prune({ receivedBefore: receivedAt + 1, limit: 100 });
    await expectCounts(storage, {}, {});
  });

  test("stats() counts duplicates of what is there", async ({ storage }) => {
    const duplicates = async () => (await storage.stats()).duplicates;
    const kept = await newEvent();
    const pruned = await newEvent({ receivedAt: receivedAt - day, processors: [] });
    const ignored = await newEvent({ state: "ignored", event: "job.started", key: "digest" });
    for (const event of [kept, pruned, ignored]) {
      await storage.accept(event);
      // The same call once more is no duplicate.
      await storage.accept(event);
      for (let count = 0; count < 2; count++) await storage.accept(repeatOf(event));
    }
    expect(await duplicates()).toBe(6);
    expect(await storage.prune({ receivedBefore: receivedAt, limit: 10 })).toBe(1);
    expect(await duplicates()).toBe(4);
    expect(await storage.accept(repeatOf(pruned))).toMatchObject({ duplicate: true });
    expect(await duplicates()).toBe(4);
    await storage.accept(repeatOf(kept));
    expect(await duplicates()).toBe(5);
    await expectCounts(storage, { accepted: 1, ignored: 1 }, { pending: 1 });
  });

  test("stats() counts what is stored again after its key was forgotten", async (world) => {
    const { storage, advance } = world;
    const event = await newEvent({ processors: [] });
    await storage.accept(event);
    await storage.accept(repeatOf(event));
    const old = { receivedBefore: receivedAt + 1, limit: 10 };
    await storage.prune(old);
    await storage.accept(repeatOf(event));
    await advance(31 * day);
    await storage.prune(old);
    expect(await storage.stats()).toMatchObject({ duplicates: 0, events: noEvents });
    await storage.accept(repeatOf(event));
    await storage.accept(repeatOf(event));
    expect(await storage.stats()).toMatchObject({ duplicates: 1, events: { accepted: 1 } });
  });

  test("stats() names the latest time of receipt, whatever was stored last", async (world) => {
    const { storage } = world;
    const latest = async () => (await storage.stats()).lastReceivedAt;
    await acceptNew(storage, { receivedAt });
    expect(await latest()).toBe(receivedAt);
    const late = await newEvent({ receivedAt: receivedAt + hour, processors: [] });
    await storage.accept(late);
    await acceptNew(storage, { receivedAt: receivedAt + minute });
    expect(await latest()).toBe(receivedAt + hour);
    // A repeat is the first one's event.
    await storage.accept({ ...repeatOf(late), receivedAt: receivedAt + day });
    expect(await latest()).toBe(receivedAt + hour);
    const quarantined = { state: "quarantined", event: null, jobId: null, key: "digest" } as const;
    await acceptNew(storage, { ...quarantined, receivedAt: receivedAt + 2 * hour });
    expect(await latest()).toBe(receivedAt + 2 * hour);
  });

  test("stats() names the latest time of receipt of what is left", async ({ storage }) => {
    const prune = () => storage.prune({ receivedBefore: receivedAt + 2 * day, limit: 10 });
    await acceptNew(storage, { receivedAt });
    await acceptNew(storage, { receivedAt: receivedAt + day, processors: [] });
    expect(await prune()).toBe(1);
    expect(await storage.stats()).toMatchObject({ lastReceivedAt: receivedAt });
    await end(storage, "a", "succeeded");
    expect(await prune()).toBe(1);
    expect(await storage.stats()).toMatchObject({ lastReceivedAt: null, oldestDueAt: null });
  });

  test("stats() names since when the delivery that waits longest is due", async (world) => {
    const { storage, advance } = world;
    const oldest = async () => (await storage.stats()).oldestDueAt;
    const dueAt = async (id: string) => (await storage.get(id))?.deliveries[0]?.dueAt;
    const first = await acceptNew(storage, { processors: ["first"] });
    expect(await dueAt(first)).toBeTypeOf("number");
    expect(await oldest()).toBe(await dueAt(first));
    await advance(minute);
    const retried = await acceptNew(storage, { processors: ["retried"] });
    expect(await oldest()).toBe(await dueAt(first));

    const claim = (processor: string) =>
      claimOne(storage, { processors: [processor], leaseMs: 10 * minute });
    const held = await claim("first");
    expect(await oldest()).toBe(await dueAt(retried));
    await storage.settle(await claim("retried"), { kind: "retry", afterMs: hour, error: "later" });
    expect(await oldest()).toBeNull();
    await advance(9 * minute);
    expect(await oldest()).toBeNull();
    // Its lease has ended: it could run again.
    await advance(2 * minute);
    expect(await oldest()).toBe(await dueAt(first));
    await storage.renew(held, 10 * minute);
    expect(await oldest()).toBeNull();
    await storage.settle(held, { kind: "dead", error: "no" });
    expect(await oldest()).toBeNull();
    await advance(hour);
    expect(await oldest()).toBe(await dueAt(retried));
    await advance(5 * second);
    await storage.redeliver(first, ["first"]);
    expect(await oldest()).toBe(await dueAt(retried));
    await end(storage, "retried", "succeeded");
    expect(await oldest()).toBe(await dueAt(first));
    await end(storage, "first", "succeeded");
    expect(await oldest()).toBeNull();
  });

  test("stats() names nothing due once it was withdrawn", async ({ storage }) => {
    await acceptNew(storage, { event: "job.failed", jobId: "job_1" });
    await acceptNew(storage, { jobId: "job_1", processors: [] });
    expect((await storage.stats()).oldestDueAt).toBeNull();
  });

  const expectExactAtOnce = async (storages: readonly Storage[]) => {
    const storage = storages[0] as Storage;
    const turn = (index: number) => storages[index % storages.length] as Storage;
    const events = await Promise.all(
      Array.from({ length: 40 }, () => newEvent({ processors: ["a", "b"] })),
    );
    await acceptAll(storages, events);
    await acceptAll(storages, [...events.map(repeatOf), ...events]);
    await expectCounts(storage, { accepted: 40 }, { pending: 80 });
    expect(await storage.stats()).toMatchObject({ duplicates: 40 });
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) => turn(index).claim(request({ limit: 5 }))),
    );
    const claims = results.flatMap(({ claims }) => claims);
    const running = claims.length;
    await expectCounts(storage, { accepted: 40 }, { pending: 80 - running, running });
    // Each twice, of which one counts.
    await Promise.all(
      [...claims, ...claims].map((claim, index) =>
        turn(index).settle(claim, { kind: "dead", error: "no" })
      ),
    );
    await expectCounts(storage, { accepted: 40 }, { pending: 80 - running, dead: running });
    await Promise.all(storages.map((each) => each.redrive({ limit: 50 })));
    while (await storage.redrive({ limit: 50 }) > 0);
    await expectCounts(storage, { accepted: 40 }, { pending: 80 });
  };

  test("stats() is exact after calls at once", async ({ storage }) => {
    await expectExactAtOnce([storage]);
  });

  test("stats() is exact after calls at once by two storages, and opened again", async (world) => {
    await expectExactAtOnce([world.storage, await world.openAnother()]);
    const before: StorageStats = await world.storage.stats();
    expect(await (await world.reopen()).stats()).toEqual(before);
  }, { needs: "sharedData" });
}
