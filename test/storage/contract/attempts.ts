import type { Attempt, Outcome, Storage } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent } from "../../support/new-event.ts";
import type { Test } from "../contract.ts";
import { acceptNew, claimOne, end, minute, nothing, request, second } from "./calls.ts";

/** What is remembered of the runs of a delivery. */
export function attemptTests(test: Test): void {
  const failed: Outcome = { kind: "retry", afterMs: 0, error: "no answer" };

  const statesOf = async (storage: Storage, id: string) =>
    (await storage.attempts(id)).map(({ processor, attempt, state }) =>
      `${processor} ${attempt} ${state}`
    );

  test("attempts() has none of an event that nobody ran, or that is not known", async (world) => {
    const { storage } = world;
    const id = await acceptNew(storage);
    expect(await storage.attempts(id)).toEqual([]);
    expect(await storage.attempts("evt_unknown")).toEqual([]);
  });

  test("attempts() tells each one's beginning, end and error", async ({ storage, advance }) => {
    const id = await acceptNew(storage);
    const first = await claimOne(storage);
    expect(await storage.attempts(id)).toEqual([{
      processor: "a",
      attempt: 1,
      state: "running",
      startedAt: expect.any(Number),
      endedAt: null,
      error: null,
    }]);
    await advance(5 * second);
    await storage.settle(first, failed);
    await advance(minute);
    const later = await claimOne(storage);
    await advance(10 * second);
    await storage.settle(later, { kind: "succeeded" });

    const [one, two, ...more] = await storage.attempts(id) as [Attempt, Attempt];
    expect(more).toEqual([]);
    expect(one).toMatchObject({ attempt: 1, state: "retry", error: "no answer" });
    expect(two).toMatchObject({ attempt: 2, state: "succeeded", error: null });
    const times = [one.startedAt, one.endedAt, two.startedAt, two.endedAt].map(Number);
    expect(times.every(Number.isInteger)).toBe(true);
    const near = (actual: number, expected: number) => {
      expect(actual).toBeGreaterThanOrEqual(expected);
      expect(actual).toBeLessThan(expected + 5 * second);
    };
    near(Number(times[1]) - Number(times[0]), 5 * second);
    near(Number(times[2]) - Number(times[1]), minute);
    near(Number(times[3]) - Number(times[2]), 10 * second);
    expect((await storage.get(id))?.deliveries[0]?.endedAt).toBe(two.endedAt);
  });

  test("attempts() tells every end, by processor", async ({ storage }) => {
    const id = await acceptNew(storage, { processors: ["b", "a", "c"] });
    await end(storage, "b", "dead");
    await storage.settle(await claimOne(storage), { kind: "released" });
    await storage.settle(await claimOne(storage), failed);
    await end(storage, "a", "succeeded");
    await claimOne(storage, { processors: ["c"] });
    expect(await statesOf(storage, id)).toEqual([
      "a 1 released",
      "a 1 retry",
      "a 2 succeeded",
      "b 1 dead",
      "c 1 running",
    ]);
    expect((await storage.attempts(id))[3]).toMatchObject({ error: "b failed" });
  });

  test("attempts() tells of one that lost its lease, and of one that took the last", async (world) => {
    const { storage, advance } = world;
    const id = await acceptNew(storage);
    const lost = await claimOne(storage);
    await advance(2 * minute);
    const last = await claimOne(storage);
    expect(await storage.settle(lost, { kind: "succeeded" })).toBe(false);
    expect(await statesOf(storage, id)).toEqual(["a 1 lost", "a 2 running"]);
    expect((await storage.attempts(id))[0]).toMatchObject({ endedAt: null, error: null });

    await advance(2 * minute);
    const { exhausted } = await storage.claim(request({ maxAttempts: 2 }));
    expect(exhausted).toHaveLength(1);
    expect(await statesOf(storage, id)).toEqual(["a 1 lost", "a 2 lost"]);
    expect(await storage.settle(last, { kind: "succeeded" })).toBe(false);
    expect(await statesOf(storage, id)).toEqual(["a 1 lost", "a 2 lost"]);
  });

  test("attempts() keeps what was before redeliver() and redrive()", async ({ storage }) => {
    const id = await acceptNew(storage, { processors: ["a", "b"] });
    await end(storage, "a", "succeeded");
    await end(storage, "b", "dead");
    const before = await storage.attempts(id);
    expect(await storage.redeliver(id, ["a"])).toBe(1);
    expect(await storage.redrive({ limit: 10 })).toBe(1);
    expect(await storage.attempts(id)).toEqual(before);
    await end(storage, "a", "succeeded");
    await end(storage, "b", "succeeded");
    expect(await statesOf(storage, id)).toEqual([
      "a 1 succeeded",
      "a 1 succeeded",
      "b 1 dead",
      "b 1 succeeded",
    ]);
    expect(await storage.redeliver(id, ["a", "b"])).toBe(2);
    expect(await statesOf(storage, id)).toHaveLength(4);
  });

  test("attempts() begins anew where a delivery was withdrawn", async ({ storage }) => {
    const id = await acceptNew(storage, { event: "job.failed", jobId: "job_1" });
    await end(storage, "a", "dead");
    await acceptNew(storage, { event: "job.succeeded", jobId: "job_1" });
    expect(await storage.get(id)).toMatchObject({ state: "superseded", deliveries: [] });
    expect(await storage.attempts(id)).toEqual([]);
  });

  test("attempts() cuts a long error between characters, and not the delivery's", async (world) => {
    const { storage } = world;
    const id = await acceptNew(storage);
    const error = `${"e".repeat(199)}🍎${'\\"é'.repeat(400)}`;
    await storage.settle(await claimOne(storage), { kind: "dead", error });
    const [attempt] = await storage.attempts(id);
    expect(attempt?.error?.slice(0, 199)).toBe("e".repeat(199));
    expect(attempt?.error?.length).toBeLessThanOrEqual(201);
    expect(attempt?.error?.isWellFormed()).toBe(true);
    expect((await storage.get(id))?.deliveries[0]?.lastError).toBe(error);
  });

  test("attempts() holds the last 20 of each delivery", async ({ storage }) => {
    const id = await acceptNew(storage, { processors: ["a", "b"] });
    await end(storage, "b", "succeeded");
    for (let attempt = 1; attempt <= 23; attempt++) {
      const claim = await claimOne(storage, { maxAttempts: 100 });
      await storage.settle(claim, { ...failed, error: `error ${attempt}` });
    }
    const ofA = (await storage.attempts(id)).filter(({ processor }) => processor === "a");
    expect(ofA.map(({ error }) => error))
      .toEqual(Array.from({ length: 20 }, (_, index) => `error ${index + 4}`));
    expect(await statesOf(storage, id)).toContain("b 1 succeeded");
  });

  test("attempts() goes with the event", async ({ storage }) => {
    const event = await newEvent();
    await storage.accept(event);
    await end(storage, "a", "succeeded");
    expect(await storage.prune({ receivedBefore: event.receivedAt + 1, limit: 10 })).toBe(1);
    expect(await storage.attempts(event.id)).toEqual([]);
    expect(await storage.claim(request())).toEqual(nothing);
  });
}
