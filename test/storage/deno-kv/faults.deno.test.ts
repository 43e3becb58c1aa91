/// <reference lib="deno.ns" />
/// <reference lib="deno.unstable" />
import { type NewEvent, type Storage, StorageError } from "imggo-webhooks";
import { denoKvStorage } from "imggo-webhooks/storage/deno-kv";
import { describe, expect, onTestFinished, test } from "vitest";
import { faultyKv } from "../../support/faulty-kv.ts";
import { leftKeys } from "../../support/left-keys.ts";
import { newEvent, receivedAt, repeatOf } from "../../support/new-event.ts";
import { testClock } from "../contract.ts";
import {
  claimedIds,
  claimOne,
  day,
  expectBytes,
  minute,
  nothing,
  request,
} from "../contract/calls.ts";

/** What goes wrong with a commit; of a function, what another process does just before it. */
type Fault = "throws before" | "throws after" | "conflicts" | (() => Promise<unknown>);

/** A storage whose next commits go wrong as `faults` says: those without a fault there do not. */
async function open() {
  const kv = await Deno.openKv(":memory:");
  onTestFinished(() => kv.close());
  const clock = testClock();
  const faults: (Fault | undefined)[] = [];
  const faulty = faultyKv(kv, async (commit) => {
    const fault = faults.shift();
    if (fault === "conflicts") return { ok: false };
    if (typeof fault === "function") await fault();
    const result = fault === "throws before" ? undefined : await commit();
    if (result && fault !== "throws after") return result;
    throw new TypeError("the connection was lost");
  });
  const keys = (prefix?: Deno.KvKey) => leftKeys(kv, prefix);
  return {
    kv,
    faults,
    keys,
    storage: denoKvStorage(faulty, clock),
    sound: denoKvStorage(kv, clock),
    advance: clock.advance,
  };
}

const parts = ["imggo_webhooks", "part"];
const uploads = ["imggo_webhooks", "upload"];
// Of 20 parts: the record of the upload, 8, 8, and the last 4 with the event.
const largeEvent = () => newEvent({ body: new Uint8Array(20 * 65_536).fill(7) });
const oldest = { receivedBefore: receivedAt - 1, limit: 10 };

async function expectUnavailable(work: Promise<unknown>): Promise<void> {
  const error = await work.then(() => "not refused", (error: unknown) => error);
  expect(error).toBeInstanceOf(StorageError);
  expect(error).toMatchObject({ code: "unavailable" });
}

async function expectStoredOnce(storage: Storage, event: NewEvent): Promise<void> {
  expect(await storage.accept(event))
    .toEqual({ id: event.id, duplicate: false, state: "accepted", identical: true });
  expect((await storage.list({ limit: 10 })).events)
    .toMatchObject([{ id: event.id, duplicates: 0, deliveries: [{ attempts: 0 }] }]);
  expectBytes((await claimOne(storage)).body, event.body);
}

describe("denoKvStorage() where commits fail", () => {
  for (const count of [0, 1, 2, 3]) {
    test(`accept() whose commit ${count} of 0 to 3 is lost leaves nothing, and can be made again`, async () => {
      const { storage, faults, keys } = await open();
      const event = await largeEvent();
      faults[count] = "throws before";
      await expectUnavailable(storage.accept(event));
      expect(await keys()).toEqual([]);
      await expectStoredOnce(storage, event);
      expect(await keys(parts)).toHaveLength(20);
      expect(await keys(uploads)).toEqual([]);
    });

    test(`accept() whose answer ${count} of 0 to 3 is lost can be made again`, async () => {
      const { storage, faults, keys, advance } = await open();
      const event = await largeEvent();
      faults[count] = "throws after";
      await expectUnavailable(storage.accept(event));
      expect((await storage.get(event.id))?.id).toBe(count === 3 ? event.id : undefined);
      await expectStoredOnce(storage, event);
      expect(await keys(parts)).toHaveLength(20);
      // Of the first commit nobody knows whether it came: its record is left for a day.
      expect(await keys(uploads)).toHaveLength(count === 0 ? 1 : 0);
      await advance(day);
      await storage.prune(oldest);
      expect(await keys(uploads)).toEqual([]);
      expect(await keys(parts)).toHaveLength(20);
    });
  }

  test("accept() of a small event whose answer is lost is answered as at first", async () => {
    const { storage, faults } = await open();
    const event = await newEvent();
    faults.push("throws after");
    await expectUnavailable(storage.accept(event));
    await expectStoredOnce(storage, event);
  });

  test("prune() removes what a process left that ended amid an upload, after a day", async () => {
    const { storage, sound, faults, keys, advance } = await open();
    const event = await largeEvent();
    // From its third commit on it does nothing any more.
    faults.push(undefined, undefined, ...Array(9).fill("throws before"));
    await expectUnavailable(storage.accept(event));
    expect(await keys(parts)).toHaveLength(8);
    expect(await keys(uploads)).toHaveLength(1);
    advance(day - minute);
    await sound.prune(oldest);
    expect(await keys(parts)).toHaveLength(8);
    advance(minute);
    await sound.prune(oldest);
    expect(await keys()).toEqual([]);
    await expectStoredOnce(sound, event);
  });

  test("accept() stores no event whose parts were taken for abandoned", async () => {
    const { kv, sound, keys, advance } = await open();
    let commits = 0;
    const slow = denoKvStorage(
      faultyKv(kv, async (commit) => {
        // Between the last early parts and the event.
        if (++commits === 4) {
          advance(2 * day);
          await sound.prune(oldest);
        }
        return await commit();
      }),
      { now: () => Date.UTC(2026, 0, 1, 12) },
    );
    const event = await largeEvent();
    const giveUp = new AbortController();
    setTimeout(() => giveUp.abort(), 100);
    await expect(slow.accept(event, giveUp.signal)).rejects.toBeInstanceOf(StorageError);
    expect(await keys()).toEqual([]);
    await expectStoredOnce(sound, event);
  });

  test("accept() whose signal aborts ends its waiting between two attempts", async () => {
    const { storage, faults } = await open();
    faults.push(...Array(10_000).fill("conflicts"));
    const giveUp = new AbortController();
    const accepting = storage.accept(await newEvent(), giveUp.signal);
    giveUp.abort();
    await expect(accepting).rejects.toMatchObject({ name: "StorageError", code: "busy" });
  });

  test("accept() whose signal aborts amid an upload leaves nothing", async () => {
    const { storage, keys } = await open();
    await expectUnavailable(storage.accept(await largeEvent(), AbortSignal.abort()));
    expect(await keys()).toEqual([]);
  });

  test("claim() gives what it could claim, where it could not claim the rest", async () => {
    const { storage, faults } = await open();
    for (let count = 0; count < 3; count++) await storage.accept(await newEvent());
    faults.push("throws before", undefined, "throws before");
    expect(await claimedIds(storage)).toHaveLength(1);
    expect(await claimedIds(storage)).toHaveLength(2);
  });

  test("claim() whose answer is lost is claimed by another once its lease has ended", async () => {
    const { storage, faults, advance } = await open();
    const event = await newEvent();
    await storage.accept(event);
    faults.push("throws after");
    await expectUnavailable(storage.claim(request()));
    expect(await storage.claim(request())).toEqual(nothing);
    advance(2 * minute);
    expect(await claimOne(storage)).toMatchObject({ eventId: event.id, attempt: 2, fence: 2 });
  });

  test("claim() gives up an event with a part missing, and goes on behind it", async () => {
    const { storage, kv, keys } = await open();
    const broken = await largeEvent();
    await storage.accept(broken);
    await kv.delete((await keys(parts))[3] ?? []);
    const whole = await newEvent();
    await storage.accept(whole);
    const { claims, exhausted } = await storage.claim(request({ limit: 1 }));
    expect(claims.map(({ eventId }) => eventId)).toEqual([whole.id]);
    expect(exhausted.map(({ eventId }) => eventId)).toEqual([broken.id]);
    expect((await storage.get(broken.id))?.deliveries).toMatchObject([
      { state: "dead", attempts: 0, lastError: "The storage lost a part of the event." },
    ]);
  });

  test("prune() counts a large event whose last parts it could not delete, and does so later", async () => {
    const { storage, faults, keys, advance } = await open();
    const body = new Uint8Array(101 * 65_536);
    await storage.accept(await newEvent({ state: "ignored", event: "job.started", body }));
    const all = { receivedBefore: receivedAt + 1, limit: 10 };
    faults.push(undefined, undefined, "throws before");
    expect(await storage.prune(all)).toBe(1);
    expect((await keys(parts)).length).toBeGreaterThan(0);
    advance(day);
    expect(await storage.prune(all)).toBe(0);
    expect(await keys(parts)).toEqual([]);
    expect(await keys(uploads)).toEqual([]);
  });

  test("settle() whose answer is lost was made, and says so when it is made again", async () => {
    const { storage, faults } = await open();
    const event = await newEvent();
    await storage.accept(event);
    const claim = await claimOne(storage);
    faults.push("throws after");
    await expectUnavailable(storage.settle(claim, { kind: "succeeded" }));
    expect(await storage.settle(claim, { kind: "succeeded" })).toBe(false);
    expect((await storage.get(event.id))?.deliveries).toMatchObject([{ state: "succeeded" }]);
  });

  test("every call is tried again where another commit came between", async () => {
    const { storage, faults } = await open();
    const twice = <T>(call: () => Promise<T>): Promise<T> => {
      faults.push("conflicts", "conflicts");
      return call();
    };
    const event = await newEvent();
    expect(await twice(() => storage.accept(event))).toMatchObject({ duplicate: false });
    expect(await twice(() => storage.accept(repeatOf(event)))).toMatchObject({ duplicate: true });
    const claim = await twice(() => claimOne(storage));
    expect(await twice(() => storage.renew(claim, minute))).toBe(true);
    expect(await twice(() => storage.settle(claim, { kind: "succeeded" }))).toBe(true);
    expect(await twice(() => storage.prune({ receivedBefore: receivedAt + 1, limit: 1 }))).toBe(1);
    expect(faults).toEqual([]);
  });
});

describe("denoKvStorage() where another process comes between a read and its commit", () => {
  const prunable = { receivedBefore: receivedAt + 1, limit: 10 };

  test("claim() leaves what was superseded meanwhile", async () => {
    const { storage, sound, faults } = await open();
    await storage.accept(await newEvent({ event: "job.failed", jobId: "job_1" }));
    const succeeded = await newEvent({ jobId: "job_1" });
    faults.push(() => sound.accept(succeeded));
    expect(await claimedIds(storage)).toEqual([succeeded.id]);
  });

  test("claim() goes on with what another one left, up to its limit", async () => {
    const { storage, sound, faults } = await open();
    for (let count = 0; count < 4; count++) await storage.accept(await newEvent());
    faults.push(() => sound.claim(request({ limit: 2 })));
    expect(await claimedIds(storage, { limit: 2 })).toHaveLength(2);
  });

  test("accept() stores one of two events of one key and of no job", async () => {
    const { storage, sound, faults } = await open();
    const ignored = await newEvent({ state: "ignored", event: "job.started", key: "a digest" });
    faults.push(() => sound.accept(ignored));
    expect(await storage.accept(repeatOf(ignored))).toMatchObject({
      id: ignored.id,
      duplicate: true,
    });
    expect((await storage.list({ limit: 10 })).events).toMatchObject([{ duplicates: 1 }]);
  });

  test("accept() supersedes a failure that came meanwhile, or is superseded", async () => {
    const { storage, sound, faults } = await open();
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
    const { storage, sound, faults, keys, advance } = await open();
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
    const { storage, sound, faults, keys, advance } = await open();
    faults.push(undefined, undefined, async () => {
      advance(day);
      await sound.prune(oldest);
    });
    await expectUnavailable(storage.accept(await largeEvent()));
    expect(await keys()).toEqual([]);
  });

  test("prune() counts an event that two delete at once as one", async () => {
    const { storage, sound, faults } = await open();
    await storage.accept(await newEvent({ state: "ignored", event: "job.started" }));
    faults.push(async () => expect(await sound.prune(prunable)).toBe(1));
    expect(await storage.prune(prunable)).toBe(0);
  });

  test("prune() forgets no key that is that of a new event by now", async () => {
    const { storage, sound, faults, advance } = await open();
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
});
