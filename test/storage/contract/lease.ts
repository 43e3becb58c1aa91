import type { Lease, Outcome, Storage } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import {
  claimOne,
  day,
  deliveryOf,
  hour,
  minute,
  nothing,
  request,
  second,
  statesOf,
} from "./calls.ts";

/** What a lease allows, and to whom. */
export function leaseTests(test: Test): void {
  const outcomes: readonly Outcome[] = [
    { kind: "succeeded" },
    { kind: "dead", error: "too late" },
    { kind: "retry", afterMs: 0, error: "too late" },
    { kind: "released" },
  ];

  /** That this lease is lost: nothing that its holder does changes anything. */
  const expectLost = async (storage: Storage, lease: Lease) => {
    const before = await storage.get(lease.eventId);
    for (const outcome of outcomes) expect(await storage.settle(lease, outcome)).toBe(false);
    expect(await storage.renew(lease, day)).toBe(false);
    expect(await storage.get(lease.eventId)).toEqual(before);
  };

  test("settle() and renew() refuse a holder whose lease another one has", async (world) => {
    const { storage, advance } = world;
    await storage.accept(await newEvent());
    const old = await claimOne(storage);
    await advance(50 * second);
    expect(await storage.claim(request())).toEqual(nothing);
    await advance(20 * second);
    const current = await claimOne(storage);
    expect(current).toMatchObject({ eventId: old.eventId, attempt: 2 });
    await expectLost(storage, old);
    expect(await storage.renew(current, minute)).toBe(true);
    expect(await storage.settle(current, { kind: "succeeded" })).toBe(true);
    await expectLost(storage, old);
    expect(await statesOf(storage, old.eventId)).toEqual({ a: "succeeded" });
  });

  test("settle() and renew() hold past the lease while nobody else has it", async (world) => {
    const { storage, advance } = world;
    await storage.accept(await newEvent());
    const claim = await claimOne(storage);
    await advance(hour);
    expect(await storage.renew(claim, minute)).toBe(true);
    expect(await storage.claim(request())).toEqual(nothing);
    await advance(hour);
    expect(await storage.settle(claim, { kind: "succeeded" })).toBe(true);
    expect(await storage.claim(request())).toEqual(nothing);
  });

  test("settle() and renew() refuse leases that nobody was given", async ({ storage }) => {
    await storage.accept(await newEvent({ processors: ["a", "b"] }));
    const claim = await claimOne(storage);
    const { eventId, processor, fence } = claim;
    await expectLost(storage, { eventId, processor, fence: fence + 1 });
    await expectLost(storage, { eventId, processor, fence: fence - 1 });
    await expectLost(storage, { eventId, processor: "c", fence });
    for (const pendingFence of [fence, fence - 1, 0]) {
      await expectLost(storage, { eventId, processor: "b", fence: pendingFence });
    }
    await expectLost(storage, { eventId: "evt_unknown", processor, fence });
    expect(await storage.settle({ eventId, processor, fence }, { kind: "succeeded" })).toBe(true);
  });

  for (const outcome of outcomes) {
    test(`settle() as ${outcome.kind} ends the lease`, async ({ storage }) => {
      await storage.accept(await newEvent());
      const claim = await claimOne(storage);
      expect(await storage.settle(claim, outcome)).toBe(true);
      await expectLost(storage, claim);
    });
  }

  for (const outcome of outcomes.filter(({ kind }) => kind === "succeeded" || kind === "dead")) {
    test(`settle() as ${outcome.kind} is the end`, async ({ storage, advance }) => {
      await storage.accept(await newEvent());
      const claim = await claimOne(storage);
      await storage.settle(claim, outcome);
      const ended = await deliveryOf(storage, claim);
      expect(ended).toMatchObject(
        { state: outcome.kind, attempts: 1, dueAt: null, endedAt: expect.any(Number) },
      );
      for (const later of [0, 2 * minute, 365 * day]) {
        await advance(later);
        expect(await storage.claim(request())).toEqual(nothing);
      }
      // A storage that takes no clock is aged by moving its times.
      const unmoved = { ...ended, endedAt: expect.any(Number) };
      expect(await deliveryOf(storage, claim)).toEqual(unmoved);
    });
  }

  test("settle() twice at once ends an attempt once", async ({ storage }) => {
    const event = await newEvent();
    await storage.accept(event);
    const claim = await claimOne(storage);
    const settled = await Promise.all([...outcomes, ...outcomes].map(async (outcome) => ({
      kind: outcome.kind,
      done: await storage.settle(claim, outcome),
    })));
    const won = settled.filter(({ done }) => done);
    expect(won).toHaveLength(1);
    const kind = won[0]?.kind;
    const state = kind === "succeeded" || kind === "dead" ? kind : "pending";
    expect(await statesOf(storage, event.id)).toEqual({ a: state });
  });

  test("settle() as retry is due after the delay, as another attempt", async (world) => {
    const { storage, advance } = world;
    await storage.accept(await newEvent());
    const claim = await claimOne(storage);
    await storage.settle(claim, { kind: "retry", afterMs: hour, error: "Error: not yet" });
    expect(await deliveryOf(storage, claim)).toMatchObject(
      { state: "pending", attempts: 1, endedAt: null, lastError: "Error: not yet" },
    );
    await advance(59 * minute);
    expect(await storage.claim(request())).toEqual(nothing);
    await advance(2 * minute);
    const second = await claimOne(storage);
    expect(second.attempt).toBe(2);
    await storage.settle(second, { kind: "retry", afterMs: 0, error: "Error: nor now" });
    const third = await claimOne(storage);
    expect(third.attempt).toBe(3);
    await storage.settle(third, { kind: "succeeded" });
    expect(await deliveryOf(storage, claim)).toMatchObject(
      { state: "succeeded", attempts: 3, lastError: "Error: nor now" },
    );
  });

  test("settle() as released burns no attempt and is due at once", async ({ storage }) => {
    const event = await newEvent();
    await storage.accept(event);
    const first = await claimOne(storage, { maxAttempts: 2 });
    await storage.settle(first, { kind: "retry", afterMs: 0, error: "the first" });
    for (let count = 0; count < 5; count++) {
      const claim = await claimOne(storage, { maxAttempts: 2, leaseMs: day });
      expect(claim.attempt).toBe(2);
      expect(await storage.settle(claim, { kind: "released" })).toBe(true);
      expect(await deliveryOf(storage, claim)).toMatchObject(
        { state: "pending", attempts: 1, lastError: "the first" },
      );
    }
  });

  test("settle() takes an error of any text", async ({ storage }) => {
    for (const error of ["", "a\0b", "a\ud83e", "Zoë 例 🧾\r\n", "x".repeat(1_000)]) {
      const event = await newEvent();
      await storage.accept(event);
      const claim = await claimOne(storage);
      expect(await storage.settle(claim, { kind: "dead", error })).toBe(true);
      const stored = await deliveryOf(storage, claim);
      // Not every database keeps a NUL or half a surrogate pair.
      const kept = error.split(/\0|\p{Surrogate}/u)[0] ?? "";
      expect(stored).toMatchObject({ state: "dead", lastError: expect.stringContaining(kept) });
    }
  });

  test("claim(), renew() and settle() take fractions of milliseconds", async (world) => {
    const { storage, advance } = world;
    await storage.accept(await newEvent());
    const claim = await claimOne(storage, { leaseMs: minute / 7 });
    expect(await storage.renew(claim, 2 * minute / 7)).toBe(true);
    const retry = { kind: "retry", afterMs: 3 * minute / 7, error: "again" } as const;
    expect(await storage.settle(claim, retry)).toBe(true);
    expect(await storage.claim(request())).toEqual(nothing);
    await advance(minute);
    await claimOne(storage);
  });

  test("renew() makes a lease last from now on", async ({ storage, advance }) => {
    await storage.accept(await newEvent());
    const claim = await claimOne(storage);
    for (let count = 0; count < 3; count++) {
      await advance(50 * second);
      expect(await storage.renew(claim, minute)).toBe(true);
      expect(await storage.claim(request())).toEqual(nothing);
    }
    expect(await deliveryOf(storage, claim)).toMatchObject({ state: "running", attempts: 1 });
    await advance(70 * second);
    const next = await claimOne(storage);
    expect(await storage.renew(next, second)).toBe(true);
    await advance(5 * second);
    expect((await claimOne(storage)).attempt).toBe(3);
  });

  test("claim() raises the fence, however the attempt before ended", async (world) => {
    const { storage, advance } = world;
    await storage.accept(await newEvent());
    const fences: number[] = [];
    const claim = async () => {
      const lease = await claimOne(storage);
      fences.push(lease.fence);
      return lease;
    };
    for (let round = 0; round < 2; round++) {
      await storage.settle(await claim(), { kind: "retry", afterMs: 0, error: "again" });
      await storage.settle(await claim(), { kind: "released" });
      await storage.settle(await claim(), { kind: "released" });
      await claim();
      await advance(2 * minute);
    }
    const ascending = [...new Set(fences)].sort((a, b) => a - b);
    expect(fences).toEqual(ascending);
  });
}
