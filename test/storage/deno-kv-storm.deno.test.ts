/// <reference lib="deno.ns" />
/// <reference lib="deno.unstable" />
import { StorageError } from "imggo-webhooks";
import { denoKvStorage } from "imggo-webhooks/storage/deno-kv";
import { expect, onTestFinished, test } from "vitest";
import { faultyKv } from "../support/faulty-kv.ts";
import { newEvent, receivedAt } from "../support/new-event.ts";
import { testClock } from "./contract.ts";
import { day, minute, request } from "./contract/calls.ts";

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
    keys: async () => (await Array.fromAsync(kv.list({ prefix: [] }))).map(({ key }) => key),
  };
}

/** Makes calls of all kinds, many at once; what was acknowledged. */
async function storm(
  { storages, advance }: Awaited<ReturnType<typeof openThree>>,
  random: () => number,
  kinds: readonly string[],
) {
  const pick = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)] as T;
  const stored: string[] = [];
  const succeeded: string[] = [];

  const step = async () => {
    const storage = pick(storages);
    switch (pick(kinds)) {
      case "accept": {
        const end = pick(["job.succeeded", "job.failed"]);
        const jobId = `job_${Math.floor(random() * 20)}`;
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

const calls = ["accept", "accept", "accept", "claim", "claim", "claim", "claim", "wait"];

for (const pruned of [false, true]) {
  for (const seed of [1, 2, 3, 4, 5]) {
    const what = pruned ? ", prunes" : "";
    test(`denoKvStorage() loses nothing while it accepts, claims${what} and fails (seed ${seed})`, async () => {
      const random = randomFrom(seed);
      const world = await openThree(random);
      const { sound, advance, keys } = world;
      const kinds = pruned ? [...calls, "prune"] : calls;
      const { stored, succeeded } = await storm(world, random, kinds);

      expect(new Set(succeeded).size).toBe(succeeded.length);
      expect(stored.length).toBeGreaterThan(20);
      const { events } = await sound.list({ limit: 1_000 });
      const ids = events.map(({ id }) => id);
      if (!pruned) expect(ids).toEqual(expect.arrayContaining(stored));
      for (const { jobId, event, state } of events) {
        const ended = events.some((each) => each.jobId === jobId && each.event === "job.succeeded");
        const expected = event === "job.failed" && ended ? ["superseded"] : ["accepted"];
        // What superseded it may be gone.
        if (pruned && event === "job.failed") expected.push("superseded");
        expect(expected).toContain(state);
      }

      // What is left ends, and nothing is left behind.
      advance(day);
      const { claims } = await sound.claim(
        request({ processors: ["a", "b"], limit: 1_000, maxAttempts: 1_000 }),
      );
      for (const claim of claims) {
        expect(succeeded).not.toContain(`${claim.eventId} ${claim.processor}`);
        expect(await sound.settle(claim, { kind: "succeeded" })).toBe(true);
      }
      expect(await sound.prune(all)).toBe(ids.length);
      advance(31 * day);
      await sound.prune(all);
      expect(await keys()).toEqual([]);
    });
  }
}
