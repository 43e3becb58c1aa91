/// <reference lib="deno.ns" />
/// <reference lib="deno.unstable" />
import { type Claim, type Storage, StorageError } from "imggo-webhooks";
import { denoKvStorage } from "imggo-webhooks/storage/deno-kv";
import { expect, onTestFinished, test } from "vitest";
import { faultyKv } from "../../support/faulty-kv.ts";
import { leftKeys } from "../../support/left-keys.ts";
import { newEvent, receivedAt } from "../../support/new-event.ts";
import { testClock } from "../contract.ts";
import { day, minute, request } from "../contract/calls.ts";

const limits = { maxCount: 5, maxBytes: 10 * 65_536, maxAgeMs: day };
const all = { receivedBefore: receivedAt + 1, limit: 1_000 };

/** Pseudo-random numbers from 0 to 1, the same ones for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** Three storages over one Deno KV, one commit in ten of which is lost, or its answer. */
async function openThree(random: () => number) {
  const kv = await Deno.openKv(":memory:");
  onTestFinished(() => kv.close());
  const clock = testClock();
  const faulty = faultyKv(kv, async (commit) => {
    const fate = random();
    const result = fate < 0.05 ? undefined : await commit();
    if (result !== undefined && fate < 0.95) return result;
    throw new TypeError("the connection was lost");
  });
  return {
    storages: [0, 1, 2].map(() => denoKvStorage(faulty, clock)),
    sound: denoKvStorage(kv, clock),
    advance: clock.advance,
    keys: () => leftKeys(kv),
  };
}

/** Makes calls of all kinds, many at once; what was acknowledged. */
async function storm(
  { storages, advance }: Awaited<ReturnType<typeof openThree>>,
  random: () => number,
  kinds: readonly string[],
) {
  const pick = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)] as T;
  const newJob = () => `job_${Math.floor(random() * 20)}`;
  const stored: string[] = [];
  const succeeded: string[] = [];

  const step = async () => {
    const storage = pick(storages);
    switch (pick(kinds)) {
      case "accept": {
        const end = pick(["job.succeeded", "job.failed"]);
        const jobId = newJob();
        const body = new Uint8Array(random() < 0.1 ? 9 * 65_536 : 10).fill(stored.length);
        const { id, duplicate } = await storage.accept(
          await newEvent({ event: end, jobId, body, processors: ["a", "b"] }),
        );
        if (!duplicate) stored.push(id);
        break;
      }
      case "claim": {
        const { claims } = await storage.claim(request({ processors: ["a", "b"], limit: 3 }));
        for (const claim of claims) {
          const kind = pick(["succeeded", "succeeded", "released"] as const);
          const settled = await storage.settle(claim, { kind });
          if (settled && kind === "succeeded") {
            succeeded.push(`${claim.eventId} ${claim.processor}`);
          }
        }
        break;
      }
      case "die": {
        const { claims } = await storage.claim(request({ processors: ["a", "b"], limit: 2 }));
        for (const claim of claims) await storage.settle(claim, { kind: "dead", error: "no" });
        break;
      }
      case "redeliver":
        await storage.redeliver(pick(stored) ?? "evt_unknown", pick([["a"], ["b", "c"]]));
        break;
      case "redrive":
        await storage.redrive({ processor: pick(["a", "b"]), limit: 3 });
        break;
      case "await":
        await storage.expectations.add({ jobId: newJob(), patternId: null, withinMs: 0 });
        for (const { jobId } of await storage.expectations.claim({ limit: 2, leaseMs: minute })) {
          const afterMs = pick([0, minute, null]);
          await storage.expectations.postpone(jobId, { afterMs, error: "running" });
        }
        break;
      case "reject": {
        const body = new Uint8Array(random() < 0.2 ? 9 * 65_536 : 10);
        const id = `rej_${Math.floor(random() * 100)}`;
        await storage.rejections.add({ id, receivedAt, signature: "ab", body }, limits);
        if (random() < 0.2) await storage.rejections.remove(id);
        break;
      }
      case "prune":
        await storage.prune({ ...all, limit: 2 });
        break;
      default:
        advance(2 * minute);
    }
  };

  for (let round = 0; round < 25; round++) {
    const steps = await Promise.allSettled(Array.from({ length: 12 }, step));
    for (const ended of steps) {
      if (ended.status === "rejected") expect(ended.reason).toBeInstanceOf(StorageError);
    }
  }
  return { stored, succeeded };
}

/** Fails where what is counted is not what is there. */
async function expectCounted(storage: Storage): Promise<void> {
  const stats = await storage.stats();
  const { events } = await storage.list({ limit: 1_000 });
  const deliveries = events.flatMap((event) => event.deliveries);
  const counted = <Key extends string>(by: Record<Key, number>, states: readonly Key[]) =>
    Object.fromEntries(
      Object.keys(by).map((key) => [key, states.filter((state) => state === key).length]),
    );
  expect(stats.events).toEqual(counted(stats.events, events.map(({ state }) => state)));
  expect(stats.deliveries)
    .toEqual(counted(stats.deliveries, deliveries.map(({ state }) => state)));
  expect(stats.duplicates).toBe(events.reduce((sum, { duplicates }) => sum + duplicates, 0));
  const dead = (processor: string) =>
    deliveries.filter((each) => each.processor === processor && each.state === "dead").length;
  for (const processor of ["a", "b", "c"]) {
    expect(await storage.countDead({ processor })).toBe(dead(processor));
  }
  const { expectations } = await storage.expectations.list({ limit: 1_000 });
  expect(stats.expectations.waiting + stats.expectations.overdue).toBe(expectations.length);
  const ended = new Set(events.map(({ jobId }) => jobId));
  for (const { jobId } of expectations) expect(ended).not.toContain(jobId);
  const { rejections } = await storage.rejections.list({ limit: 1_000 });
  expect(stats.rejections).toBe(rejections.length);
  expect(rejections.length).toBeLessThanOrEqual(limits.maxCount);
  const bytes = rejections.reduce((sum, { size }) => sum + size, 0);
  expect(bytes).toBeLessThanOrEqual(limits.maxBytes);
}

/** Ends what is awaited, runs what is left, and deletes everything. */
async function clear(
  { sound, advance }: Awaited<ReturnType<typeof openThree>>,
): Promise<readonly Claim[]> {
  for (const { jobId } of (await sound.expectations.list({ limit: 1_000 })).expectations) {
    await sound.accept(await newEvent({ jobId, processors: [] }));
  }
  for (const { id } of (await sound.rejections.list({ limit: 1_000 })).rejections) {
    expect(await sound.rejections.body(id)).toBeDefined();
    await sound.rejections.remove(id);
  }
  advance(day);
  while (await sound.redrive({ limit: 100 }) > 0);
  const { claims } = await sound.claim(
    request({ processors: ["a", "b", "c"], limit: 1_000, maxAttempts: 1_000 }),
  );
  for (const claim of claims) expect(await sound.settle(claim, { kind: "succeeded" })).toBe(true);
  await expectCounted(sound);
  const { events } = await sound.list({ limit: 1_000 });
  expect(await sound.prune(all)).toBe(events.length);
  advance(31 * day);
  await sound.prune(all);
  return claims;
}

const calls = ["accept", "accept", "accept", "claim", "claim", "claim", "claim", "wait"];
const others = ["die", "redeliver", "redrive", "await", "await", "reject", "reject"];

const modes = [
  { what: "accepts, claims", kinds: calls, isPruned: false, isRepeated: false },
  {
    what: "accepts, claims, prunes",
    kinds: [...calls, "prune"],
    isPruned: true,
    isRepeated: false,
  },
  {
    what: "makes every call",
    kinds: [...calls, ...others, "prune"],
    isPruned: true,
    isRepeated: true,
  },
];

for (const { what, kinds, isPruned, isRepeated } of modes) {
  for (const seed of [1, 2, 3]) {
    test(`denoKvStorage() loses nothing while it ${what} and fails (seed ${seed})`, async () => {
      const random = randomFrom(seed);
      const world = await openThree(random);
      const { sound, keys } = world;
      const { stored, succeeded } = await storm(world, random, kinds);

      if (!isRepeated) expect(new Set(succeeded).size).toBe(succeeded.length);
      expect(stored.length).toBeGreaterThan(20);
      const { events } = await sound.list({ limit: 1_000 });
      const ids = events.map(({ id }) => id);
      if (!isPruned) expect(ids).toEqual(expect.arrayContaining(stored));
      for (const { jobId, event, state } of events) {
        const ended = events.some((each) => each.jobId === jobId && each.event === "job.succeeded");
        const expected = event === "job.failed" && ended ? ["superseded"] : ["accepted"];
        // What superseded it may be gone.
        if (isPruned && event === "job.failed") expected.push("superseded");
        expect(expected).toContain(state);
      }
      await expectCounted(sound);

      // What is left ends, and nothing is left behind.
      const claims = await clear(world);
      if (!isRepeated) {
        for (const { eventId, processor } of claims) {
          expect(succeeded).not.toContain(`${eventId} ${processor}`);
        }
      }
      expect(await keys()).toEqual([]);
    });
  }
}
