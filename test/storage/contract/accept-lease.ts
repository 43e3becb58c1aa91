import type { Acceptance, Claim, LeaseRequest, Outcome, Storage } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent, type NewEventFields, repeatOf } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import { claimOne, expectBytes, minute, nothing, request, second, statesOf } from "./calls.ts";

const lease: LeaseRequest = { processors: ["a"], leaseMs: minute };

/** What is claimed in the transaction that stores it. */
export function acceptLeaseTests(test: Test): void {
  const needs = "leaseAtAccept";

  /** Accepts with a lease; the one claim that it gives. */
  const acceptLeased = async (storage: Storage, fields?: NewEventFields): Promise<Claim> => {
    const { claims = [] } = await storage.accept(await newEvent(fields), undefined, lease);
    expect(claims).toHaveLength(1);
    return claims[0] as Claim;
  };
  const acceptWith = async (storage: Storage, fields: NewEventFields): Promise<Acceptance> =>
    await storage.accept(await newEvent(fields), undefined, lease);
  const attemptsOf = async (storage: Storage, id: string) =>
    (await storage.attempts(id)).map(({ processor, attempt, state }) =>
      `${processor} ${attempt} ${state}`
    );

  test("accept() without a lease claims nothing", async ({ storage }) => {
    expect((await storage.accept(await newEvent())).claims ?? []).toEqual([]);
    await claimOne(storage);
  });

  test(
    "accept() with a lease claims what it asks for, and nobody else gets that",
    async (world) => {
      const { storage } = world;
      const traceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      const event = await newEvent({ processors: ["a", "b", "c"], traceParent });
      const wanted = { processors: ["b", "a", "d"], leaseMs: minute };
      const { claims = [], ...acceptance } = await storage.accept(event, undefined, wanted);
      expect(acceptance).toEqual(
        { id: event.id, duplicate: false, state: "accepted", identical: true },
      );
      expect(claims.map(({ processor }) => processor).sort()).toEqual(["a", "b"]);
      for (const claim of claims) {
        const { receivedAt } = event;
        expect(claim).toMatchObject({ eventId: event.id, attempt: 1, receivedAt, traceParent });
        expect(claim.fence).toBeTypeOf("number");
        expectBytes(claim.body, event.body);
      }
      expect(await statesOf(storage, event.id)).toEqual({
        a: "running",
        b: "running",
        c: "pending",
      });
      expect((await storage.get(event.id))?.deliveries[0]).toMatchObject(
        { attempts: 1, dueAt: expect.any(Number), endedAt: null },
      );
      expect(await attemptsOf(storage, event.id)).toEqual(["a 1 running", "b 1 running"]);
      expect(await storage.stats()).toMatchObject({ deliveries: { running: 2, pending: 1 } });
      const all = await claimOne(storage, { processors: ["a", "b", "c"] });
      expect(all.processor).toBe("c");
    },
    { needs },
  );

  test(
    "accept() with a lease holds until its end, then it is the second attempt's",
    async (world) => {
      const { storage, advance } = world;
      const first = await acceptLeased(storage);
      await advance(50 * second);
      expect(await storage.claim(request())).toEqual(nothing);
      await advance(20 * second);
      const next = await claimOne(storage);
      expect(next).toMatchObject({ eventId: first.eventId, attempt: 2 });
      expect(next.fence).toBeGreaterThan(first.fence);
      expect(await storage.renew(first, minute)).toBe(false);
      expect(await storage.settle(first, { kind: "succeeded" })).toBe(false);
      expect(await storage.settle(next, { kind: "succeeded" })).toBe(true);
      expect(await attemptsOf(storage, first.eventId)).toEqual(["a 1 lost", "a 2 succeeded"]);
    },
    { needs },
  );

  test("accept() with a lease whose holder never comes back burns the attempt", async (world) => {
    const { storage, advance } = world;
    const { eventId } = await acceptLeased(storage);
    await advance(2 * minute);
    const { claims, exhausted } = await storage.claim(request({ maxAttempts: 1 }));
    expect(claims).toEqual([]);
    expect(exhausted).toMatchObject([{ eventId, processor: "a" }]);
  }, { needs });

  test("accept() with a lease outlives its process", async ({ storage, advance, reopen }) => {
    const { eventId } = await acceptLeased(storage);
    const reopened = await reopen();
    expect(await reopened.claim(request())).toEqual(nothing);
    await advance(2 * minute);
    expect(await claimOne(reopened)).toMatchObject({ eventId, attempt: 2 });
  }, { needs: [needs, "sharedData"] });

  test("accept() with a lease that is renewed holds longer", async ({ storage, advance }) => {
    const claim = await acceptLeased(storage);
    await advance(50 * second);
    expect(await storage.renew(claim, minute)).toBe(true);
    await advance(50 * second);
    expect(await storage.claim(request())).toEqual(nothing);
    expect(await storage.settle(claim, { kind: "succeeded" })).toBe(true);
  }, { needs });

  const outcomes: readonly (readonly [Outcome, state: string, next: number | undefined])[] = [
    [{ kind: "succeeded" }, "succeeded", undefined],
    [{ kind: "dead", error: "no" }, "dead", undefined],
    [{ kind: "retry", afterMs: 0, error: "again" }, "pending", 2],
    [{ kind: "released" }, "pending", 1],
  ];
  for (const [outcome, state, next] of outcomes) {
    test(`accept() with a lease is settled as ${outcome.kind}`, async ({ storage }) => {
      const claim = await acceptLeased(storage);
      expect(await storage.settle(claim, outcome)).toBe(true);
      expect(await storage.settle(claim, outcome)).toBe(false);
      expect(await statesOf(storage, claim.eventId)).toEqual({ a: state });
      if (next === undefined) expect(await storage.claim(request())).toEqual(nothing);
      else expect((await claimOne(storage)).attempt).toBe(next);
    }, { needs });
  }

  test("accept() with a lease claims nothing of a duplicate", async ({ storage }) => {
    const event = await newEvent({ processors: ["a", "b"] });
    await storage.accept(event);
    const repeat = await storage.accept(repeatOf(event), undefined, lease);
    expect(repeat).toMatchObject({ id: event.id, duplicate: true });
    expect(repeat.claims ?? []).toEqual([]);
    expect(await statesOf(storage, event.id)).toEqual({ a: "pending", b: "pending" });
  });

  test("accept() with a lease, 20 times at once with one key, claims once", async ({ storage }) => {
    const event = await newEvent();
    const repeats = Array.from({ length: 20 }, () => repeatOf(event));
    const accepted = await Promise.all(
      repeats.map((each) => storage.accept(each, undefined, lease)),
    );
    const claims = accepted.flatMap(({ claims = [] }) => claims);
    const first = accepted.find(({ duplicate }) => !duplicate);
    expect(claims.map(({ eventId }) => eventId)).toEqual([first?.id]);
  }, { needs });

  test("accept() with a lease claims nothing of what is not processed", async ({ storage }) => {
    const jobId = "job_1";
    const claimsOf = async (fields: NewEventFields) =>
      (await acceptWith(storage, fields)).claims ?? [];
    expect(await claimsOf({ state: "ignored" })).toEqual([]);
    expect(await claimsOf({ state: "quarantined", event: null, jobId: null })).toEqual([]);
    expect(await claimsOf({ processors: [] })).toEqual([]);
    expect(await claimsOf({ processors: ["b"] })).toEqual([]);
    await storage.accept(await newEvent({ jobId, processors: [] }));
    const late = await acceptWith(storage, { event: "job.failed", jobId });
    expect(late.state).toBe("superseded");
    expect(late.claims ?? []).toEqual([]);
    expect(await storage.claim(request())).toEqual(nothing);
  });

  test(
    "accept() with a lease of a failure lets it end after the job's success came",
    async (world) => {
      const { storage } = world;
      const failed = await acceptLeased(storage, { event: "job.failed", jobId: "job_1" });
      const succeeded = await acceptLeased(storage, { jobId: "job_1" });
      expect(await storage.get(failed.eventId)).toMatchObject({ state: "superseded" });
      expect(await storage.settle(failed, { kind: "succeeded" })).toBe(true);
      expect(await storage.settle(succeeded, { kind: "succeeded" })).toBe(true);
    },
    { needs },
  );

  // As where the answer to the first call was lost: by then others may hold what they claimed.
  test("accept() with a lease made again claims nothing", async ({ storage, advance }) => {
    const event = await newEvent();
    const again = async () => (await storage.accept(event, undefined, lease)).claims ?? [];
    expect(await again()).toHaveLength(1);
    expect(await again()).toEqual([]);
    await advance(50 * second);
    expect(await again()).toEqual([]);
    await advance(20 * second);
    const next = await claimOne(storage);
    expect(next.attempt).toBe(2);
    expect(await again()).toEqual([]);
    expect(await storage.settle(next, { kind: "succeeded" })).toBe(true);
  }, { needs });

  test("accept() with a lease gives nothing of what others hold", async ({ storage }) => {
    const event = await newEvent({ processors: ["a", "b"] });
    await storage.accept(event);
    const other = await claimOne(storage);
    expect(await storage.accept(event, undefined, lease)).toMatchObject({ duplicate: false });
    const { claims = [] } = await storage.accept(event, undefined, lease);
    expect(claims).toEqual([]);
    expect(await statesOf(storage, event.id)).toEqual({ a: "running", b: "pending" });
    expect(await storage.settle(other, { kind: "succeeded" })).toBe(true);
  });
}
