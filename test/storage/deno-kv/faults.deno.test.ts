/// <reference lib="deno.ns" />
/// <reference lib="deno.unstable" />
import { type NewEvent, type Storage, StorageError } from "imggo-webhooks";
import { denoKvStorage } from "imggo-webhooks/storage/deno-kv";
import { describe, expect, test } from "vitest";
import { faultyKv } from "../../support/faulty-kv.ts";
import { newEvent, receivedAt, repeatOf } from "../../support/new-event.ts";
import {
  claimedIds,
  claimOne,
  day,
  expectBytes,
  minute,
  nothing,
  request,
} from "../contract/calls.ts";
import { expectUnavailable } from "./expect-unavailable.ts";
import { openFaulty } from "./open-faulty.ts";

const parts = ["imggo_webhooks", "part"];
const uploads = ["imggo_webhooks", "upload"];
// Of 20 parts: the record of the upload, 8, 8, and the last 4 with the event.
const largeEvent = () => newEvent({ body: new Uint8Array(20 * 65_536).fill(7) });
const oldest = { receivedBefore: receivedAt - 1, limit: 10 };

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
      const { storage, faults, keys } = await openFaulty();
      const event = await largeEvent();
      faults[count] = "throws before";
      await expectUnavailable(storage.accept(event));
      expect(await keys()).toEqual([]);
      await expectStoredOnce(storage, event);
      expect(await keys(parts)).toHaveLength(20);
      expect(await keys(uploads)).toEqual([]);
    });

    test(`accept() whose answer ${count} of 0 to 3 is lost can be made again`, async () => {
      const { storage, faults, keys, advance } = await openFaulty();
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
    const { storage, faults } = await openFaulty();
    const event = await newEvent();
    faults.push("throws after");
    await expectUnavailable(storage.accept(event));
    await expectStoredOnce(storage, event);
  });

  test("prune() removes what a process left that ended amid an upload, after a day", async () => {
    const { storage, sound, faults, keys, advance } = await openFaulty();
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
    const { kv, sound, keys, advance } = await openFaulty();
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
    const { storage, faults } = await openFaulty();
    faults.push(...Array(10_000).fill("conflicts"));
    const giveUp = new AbortController();
    const accepting = storage.accept(await newEvent(), giveUp.signal);
    giveUp.abort();
    await expect(accepting).rejects.toMatchObject({ name: "StorageError", code: "busy" });
  });

  test("accept() whose signal aborts amid an upload leaves nothing", async () => {
    const { storage, keys } = await openFaulty();
    await expectUnavailable(storage.accept(await largeEvent(), AbortSignal.abort()));
    expect(await keys()).toEqual([]);
  });

  test("claim() gives what it could claim, where it could not claim the rest", async () => {
    const { storage, faults } = await openFaulty();
    for (let count = 0; count < 3; count++) await storage.accept(await newEvent());
    faults.push("throws before", undefined, "throws before");
    expect(await claimedIds(storage)).toHaveLength(1);
    expect(await claimedIds(storage)).toHaveLength(2);
  });

  test("claim() whose answer is lost is claimed by another once its lease has ended", async () => {
    const { storage, faults, advance } = await openFaulty();
    const event = await newEvent();
    await storage.accept(event);
    faults.push("throws after");
    await expectUnavailable(storage.claim(request()));
    expect(await storage.claim(request())).toEqual(nothing);
    advance(2 * minute);
    expect(await claimOne(storage)).toMatchObject({ eventId: event.id, attempt: 2, fence: 2 });
  });

  test("claim() gives up an event with a part missing, and goes on behind it", async () => {
    const { storage, kv, keys } = await openFaulty();
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
    const { storage, faults, keys, advance } = await openFaulty();
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
    const { storage, faults } = await openFaulty();
    const event = await newEvent();
    await storage.accept(event);
    const claim = await claimOne(storage);
    faults.push("throws after");
    await expectUnavailable(storage.settle(claim, { kind: "succeeded" }));
    expect(await storage.settle(claim, { kind: "succeeded" })).toBe(false);
    expect((await storage.get(event.id))?.deliveries).toMatchObject([{ state: "succeeded" }]);
  });

  test("every call is tried again where another commit came between", async () => {
    const { storage, faults } = await openFaulty();
    const twice = <T>(call: () => Promise<T>): Promise<T> => {
      faults.push("conflicts", "conflicts");
      return call();
    };
    const event = await newEvent();
    expect(await twice(() => storage.accept(event))).toMatchObject({ duplicate: false });
    expect(await twice(() => storage.accept(repeatOf(event)))).toMatchObject({ duplicate: true });
    const claim = await twice(() => claimOne(storage));
    expect(await twice(() => storage.renew(claim, minute))).toBe(true);
    expect(await twice(() => storage.settle(claim, { kind: "released" }))).toBe(true);
    const again = await claimOne(storage);
    expect(await twice(() => storage.settle(again, { kind: "succeeded" }))).toBe(true);
    expect((await storage.attempts(event.id)).map(({ state }) => state))
      .toEqual(["released", "succeeded"]);
    expect(await twice(() => storage.prune({ receivedBefore: receivedAt + 1, limit: 1 }))).toBe(1);
    expect(faults).toEqual([]);
  });
});
