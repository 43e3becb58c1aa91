import { PermanentError, StorageError } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { afterEach, expect, test, vi } from "vitest";
import { createTally } from "../../src/admin/tally.ts";
import { silentLogger } from "../../src/logger.ts";
import type { ActivityCounts } from "../../src/storage/activity.ts";
import { setUpAdmin } from "../support/admin-under-test.ts";

afterEach(() => void vi.useRealTimers());

/** A storage's activity that says what it was given, and fails when it is told to. */
function activity() {
  const added: Partial<ActivityCounts>[] = [];
  const state = { isBroken: false };
  return {
    added,
    state,
    storage: {
      activity: {
        list: () => Promise.resolve([]),
        add: (counts: Partial<ActivityCounts>) => {
          if (state.isBroken) return Promise.reject(new StorageError("unavailable", "broken"));
          added.push(counts);
          return Promise.resolve();
        },
      },
    },
  };
}

const none = { accepted: 0, duplicates: 0, rejected: 0, dead: 0 };
const accepted = { event: "e", state: "accepted", origin: "webhook", durationMs: 1 } as const;
const refused = { status: 401, code: "invalid_signature", durationMs: 1 } as const;

test("a receiver's stats tell what was accepted, repeated, rejected and given up", async () => {
  const storage = memoryStorage();
  const { call, send, receiver } = setUpAdmin({
    storage,
    processors: {
      bad: () => {
        throw new PermanentError("never");
      },
    },
  });
  const event = { event: "job.succeeded", data: { job_id: "j-1", result: 1 } };
  await send(event);
  await send(event);
  await send("{");
  await send(event, { "X-ImgGo-Signature": "0".repeat(64) });
  await send(event, { "Content-Encoding": "gzip" });
  await receiver.fetch(new Request("http://receiver.test/elsewhere"));
  await receiver.fetch(new Request("http://receiver.test/webhook"));
  await vi.waitUntil(async () => (await call("/stats")).body.deliveries.dead === 1);
  // The first count of all has set the timer.
  expect((await call("/stats")).body.rates.last_hour).toEqual(none);
  await receiver.stop();
  const expected = { accepted: 2, duplicates: 1, rejected: 2, dead: 1 };
  expect((await setUpAdmin({ storage }).call("/stats")).body.rates)
    .toEqual({ last_hour: expected, last_day: expected });
});

test("createTally() adds every 5 s at most, and nothing where nothing happened", async () => {
  vi.useFakeTimers();
  const { added, storage } = activity();
  const { observer } = createTally()({ storage, logger: silentLogger });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(added).toEqual([]);
  observer.accepted({ ...accepted, duplicate: false });
  await vi.advanceTimersByTimeAsync(4_999);
  observer.accepted({ ...accepted, duplicate: true });
  observer.attempted({ processor: "a", result: "dead" });
  observer.attempted({ processor: "a", result: "retry" });
  observer.answered({ ...refused, code: "received" });
  expect(added).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(added).toEqual([{ accepted: 1, duplicates: 1, rejected: 0, dead: 1 }]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(added).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});

test("flush() adds at once, but what strangers cause every 5 s at most", async () => {
  vi.useFakeTimers();
  const { added, storage } = activity();
  const tally = createTally();
  for (let index = 0; index < 100; index++) {
    // As on Workers: a receiver for each request.
    const { observer, flush } = tally({ storage, logger: silentLogger });
    observer.answered(refused);
    await flush();
  }
  expect(added).toEqual([{ ...none, rejected: 1 }]);
  const { observer, flush } = tally({ storage, logger: silentLogger });
  observer.accepted({ ...accepted, duplicate: false });
  await flush();
  expect(added).toEqual([{ ...none, rejected: 1 }, { ...none, accepted: 1, rejected: 99 }]);
  expect(vi.getTimerCount()).toBe(0);
});

test("what cannot be added is kept, and added with the next, once", async () => {
  const { added, state, storage } = activity();
  const { observer, flush } = createTally()({ storage, logger: silentLogger });
  state.isBroken = true;
  observer.accepted({ ...accepted, duplicate: false });
  await flush();
  observer.accepted({ ...accepted, duplicate: false });
  state.isBroken = false;
  await Promise.all([flush(), flush()]);
  expect(added).toEqual([{ ...none, accepted: 2 }]);
});
