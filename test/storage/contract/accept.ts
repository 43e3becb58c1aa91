import fc from "fast-check";
import type { Acceptance, NewEvent, Storage } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent, repeatOf } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import { alike } from "./alike.ts";
import { acceptAll, bytes, claimedIds, claimOne, expectBytes, nothing, request } from "./calls.ts";
import { payloads } from "./payloads.ts";

/** What is stored once accepted, and how often. */
export function acceptTests(test: Test): void {
  test("accept() stores an event and a delivery for each processor", async ({ storage }) => {
    const traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const processors = ["mail", "archive"];
    const event = await newEvent({ patternId: "pat_1", processors, traceParent });
    expect(await storage.accept(event)).toEqual(
      { id: event.id, duplicate: false, state: "accepted", identical: true },
    );
    const pending = {
      state: "pending",
      attempts: 0,
      dueAt: expect.any(Number),
      endedAt: null,
      lastError: null,
    };
    expect(await storage.get(event.id)).toEqual({
      id: event.id,
      key: event.key,
      state: "accepted",
      origin: "webhook",
      event: "job.succeeded",
      jobId: event.jobId,
      patternId: "pat_1",
      receivedAt: event.receivedAt,
      size: event.body.byteLength,
      duplicates: 0,
      traceParent,
      deliveries: [{ processor: "archive", ...pending }, { processor: "mail", ...pending }],
    });
  });

  test("accept() keeps how the first of a key came", async ({ storage }) => {
    const asked = await newEvent({ origin: "reconcile" });
    const sent = await newEvent();
    for (const event of [asked, sent]) await storage.accept(event);
    for (const [event, other] of [[asked, "webhook"], [sent, "reconcile"]] as const) {
      const repeat = await storage.accept({ ...repeatOf(event), origin: other });
      expect(repeat).toMatchObject({ id: event.id, duplicate: true });
      expect(await storage.get(event.id)).toMatchObject({ origin: event.origin, duplicates: 1 });
    }
    const { events } = await storage.list({ limit: 10 });
    expect(events.map(({ origin }) => origin)).toEqual(["webhook", "reconcile"]);
  });

  test("accept() counts a repeat, keeps the first and tells other bytes", async ({ storage }) => {
    const first = await newEvent();
    await storage.accept(first);
    const repeat = await newEvent({ key: first.key, jobId: first.jobId });
    const known = { id: first.id, duplicate: true, state: "accepted" };
    expect(await storage.accept(repeat)).toEqual({ ...known, identical: true });
    const changed = await newEvent({ key: first.key, body: bytes(1, 2, 3), processors: ["b"] });
    expect(await storage.accept(changed)).toEqual({ ...known, identical: false });
    // Of the same length, so that the size alone does not tell.
    const flipped = await newEvent({ key: first.key, body: first.body.map((byte) => byte ^ 1) });
    expect(await storage.accept(flipped)).toEqual({ ...known, identical: false });

    expect(await storage.get(first.id)).toMatchObject(
      { duplicates: 3, deliveries: [{ processor: "a", attempts: 0 }] },
    );
    expectBytes(await storage.body(first.id), first.body);
    for (const { id } of [repeat, changed, flipped]) {
      expect(await storage.get(id)).toBeUndefined();
    }
    expect(await claimedIds(storage, { processors: ["a", "b"] })).toEqual([first.id]);
  });

  test("accept() stores one of 100 equal events at once", async ({ storage }) => {
    const equal = { key: "the same", jobId: "job_1" };
    const events = await Promise.all(Array.from({ length: 100 }, () => newEvent(equal)));
    await expectOneStored(storage, events, await acceptAll([storage], events));
  });

  test("accept() stores one of 100 equal events at once by two storages", async (world) => {
    const equal = { key: "the same", jobId: "job_1" };
    const events = await Promise.all(Array.from({ length: 100 }, () => newEvent(equal)));
    const storages = [world.storage, await world.openAnother()];
    await expectOneStored(world.storage, events, await acceptAll(storages, events));
  }, { needs: "sharedData" });

  test("accept() stores each of 100 other events at once", async ({ storage }) => {
    const events = await Promise.all(Array.from({ length: 100 }, () => newEvent()));
    const acceptances = await acceptAll([storage], events);
    expect(acceptances.map(({ id }) => id)).toEqual(events.map(({ id }) => id));
    expect(acceptances.filter(({ duplicate }) => duplicate)).toEqual([]);
    expect(await claimedIds(storage)).toHaveLength(100);
  });

  test("accept() answers a call that is made again as at first", async ({ storage }) => {
    const event = await newEvent();
    const again = { id: event.id, duplicate: false, state: "accepted", identical: true };
    expect(await storage.accept(event)).toEqual(again);
    const claim = await claimOne(storage);
    expect(await storage.accept(event)).toEqual(again);
    expect(await storage.claim(request())).toEqual(nothing);
    expect(await storage.settle(claim, { kind: "succeeded" })).toBe(true);
    expect(await storage.accept(event)).toEqual(again);
    expect(await storage.claim(request())).toEqual(nothing);
    expect((await storage.list({ limit: 10 })).events).toMatchObject([{ duplicates: 0 }]);
  });

  test("accept() with an aborted signal stores all or nothing", async ({ storage }) => {
    const event = await newEvent();
    const [result] = await Promise.allSettled([storage.accept(event, AbortSignal.abort())]);
    const stored = await storage.get(event.id);
    if (result.status === "fulfilled") expect(stored).toBeDefined();
    expect(stored?.deliveries ?? [{}]).toHaveLength(1);
    expect(await storage.accept(event)).toMatchObject({ id: event.id });
    expect(await claimedIds(storage)).toEqual([event.id]);
  });

  test("accept() keeps events that are not accepted, without deliveries", async ({ storage }) => {
    const ignored = await newEvent({ state: "ignored", event: "job.started" });
    const quarantined = await newEvent(
      { state: "quarantined", event: null, jobId: null, key: "digest", body: bytes(0xff) },
    );
    for (const { state, ...event } of [ignored, quarantined]) {
      expect(await storage.accept({ state, ...event })).toMatchObject({ duplicate: false, state });
      const { processors: _, body, ...fields } = event;
      expect(await storage.get(event.id)).toEqual(
        { ...fields, state, size: body.byteLength, duplicates: 0, deliveries: [] },
      );
      const repeat = { ...event, state, id: `${event.id}_repeat` };
      expect(await storage.accept(repeat)).toMatchObject({ id: event.id, duplicate: true, state });
    }
    expect(await storage.claim(request())).toEqual(nothing);
  });

  test("accept() keeps apart what only looks alike", async ({ storage }) => {
    for (const text of ["", "job\t", ...alike]) {
      const event = await newEvent({
        key: text,
        jobId: text,
        patternId: text,
        event: "job.failed",
      });
      expect(await storage.accept(event)).toMatchObject({ id: event.id, duplicate: false });
      expect(await storage.get(event.id)).toMatchObject({
        key: text,
        jobId: text,
        patternId: text,
      });
    }
    await storage.accept(await newEvent({ jobId: "job" }));
    const { events } = await storage.list({ limit: 100 });
    const superseded = events.filter(({ state }) => state === "superseded");
    expect(superseded.map(({ jobId }) => jobId)).toEqual(["job"]);
  });

  test("accept() keeps apart any two keys that differ", async ({ storage }) => {
    const known = new Set<string>();
    const keys = fc.uniqueArray(fc.string({ unit: "grapheme", maxLength: 8 }), { minLength: 2 });
    await fc.assert(
      fc.asyncProperty(keys, async (some) => {
        for (const key of some) {
          const event = await newEvent({ key, jobId: null, processors: [] });
          expect((await storage.accept(event)).duplicate).toBe(known.has(key));
          known.add(key);
        }
      }),
      { numRuns: 50, interruptAfterTimeLimit: 10_000 },
    );
  });

  test("accept() tells long keys apart by their last character", async ({ storage }) => {
    // The longest key by default: the name and a job's id of 255 characters of 4 bytes.
    for (const start of ["k".repeat(511), `job.succeeded:${"\u{1d541}".repeat(254)}`]) {
      for (const key of [`${start}x`, `${start}y`]) {
        const event = await newEvent({ key });
        expect(await storage.accept(event)).toMatchObject({ id: event.id, duplicate: false });
        expect(await storage.get(event.id)).toMatchObject({ key });
        expect(await storage.accept(repeatOf(event)))
          .toMatchObject({ id: event.id, duplicate: true });
      }
    }
  });

  for (const [what, body] of Object.entries(payloads)) {
    test(`accept() keeps a body of ${what} as it is`, async ({ storage }) => {
      const event = await newEvent({ body });
      await storage.accept(event);
      expect(await storage.get(event.id)).toMatchObject({ size: body.byteLength });
      expectBytes(await storage.body(event.id), body);
      expectBytes((await claimOne(storage)).body, body);
      const repeat = await newEvent({ key: event.key, body: body.slice() });
      expect(await storage.accept(repeat)).toMatchObject({ duplicate: true, identical: true });
      const longer = await newEvent({ key: event.key, body: bytes(...body.subarray(0, 99), 0) });
      expect(await storage.accept(longer)).toMatchObject({ duplicate: true, identical: false });
    });
  }

  test("accept() keeps a body that is a part of a larger buffer", async ({ storage }) => {
    const body = bytes(9, 9, 1, 2, 3, 9, 9).subarray(2, 5);
    const event = await newEvent({ body });
    await storage.accept(event);
    expectBytes(await storage.body(event.id), bytes(1, 2, 3));
    expectBytes((await claimOne(storage)).body, bytes(1, 2, 3));
  });

  test("accept() copies the bytes it is given", async ({ storage }) => {
    const event = await newEvent({ body: bytes(1, 2, 3) });
    await storage.accept(event);
    event.body.fill(0);
    expectBytes(await storage.body(event.id), bytes(1, 2, 3));
    expectBytes((await claimOne(storage)).body, bytes(1, 2, 3));
    const repeat = await newEvent({ key: event.key, body: bytes(1, 2, 3) });
    expect(await storage.accept(repeat)).toMatchObject({ identical: true });
  });

  test("accept() copies the fields it is given", async ({ storage }) => {
    const processors = ["a"];
    const event = { ...await newEvent({ jobId: "job_1", processors }) };
    await storage.accept(event);
    const stored = await storage.get(event.id);
    const { id } = event;
    processors[0] = "b";
    const other = await newEvent({ event: "job.failed", jobId: "job_2", patternId: "other" });
    Object.assign(event, other, { receivedAt: 0 });
    expect(await storage.get(id)).toEqual(stored);
    expect(await claimOne(storage)).toMatchObject({ eventId: id, receivedAt: stored?.receivedAt });
    // The job is still known as the one that succeeded.
    const failed = await newEvent({ event: "job.failed", jobId: "job_1" });
    expect(await storage.accept(failed)).toMatchObject({ state: "superseded" });
  });
}

async function expectOneStored(
  storage: Storage,
  events: readonly NewEvent[],
  acceptances: readonly Acceptance[],
): Promise<void> {
  const winners = acceptances.filter(({ duplicate }) => !duplicate);
  expect(winners).toHaveLength(1);
  const id = winners[0]?.id;
  expect(new Set(acceptances.map((acceptance) => acceptance.id))).toEqual(new Set([id]));
  expect(acceptances.every(({ identical }) => identical)).toBe(true);
  const stored = (await storage.list({ limit: 100 })).events;
  expect(stored).toMatchObject([{ id, duplicates: events.length - 1 }]);
  expect(await claimedIds(storage)).toEqual([id]);
}
