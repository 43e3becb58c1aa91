import type { Storage } from "imggo-webhooks";
import { expect } from "vitest";
import type { TestClock } from "../storage/contract.ts";

const now = Date.UTC(2026, 0, 1, 12);
const minute = 60_000;

/** The clock of whoever opens what the second version wrote. */
export const secondVersionClock: Pick<TestClock, "now"> = { now: () => now };

/** What the second version of the tables held, as SQL: events and deliveries in every state. */
export const secondVersionRows = `
  INSERT INTO events VALUES
    (1, 'evt_1', 'job.failed:job_1', 'superseded', 'job.failed', 'job_1', 'pat_1', ${now - 9},
      x'01'),
    (2, 'evt_2', 'job.succeeded:job_1', 'accepted', 'job.succeeded', 'job_1', 'pat_1', ${now - 8},
      x'02'),
    (3, 'evt_3', 'job.succeeded:job_3', 'accepted', 'job.succeeded', 'job_3', 'pat_2', ${now - 7},
      x'03'),
    (7, 'evt_7', 'digest:7', 'ignored', 'job.started', 'job_7', NULL, ${now - 6}, x'07'),
    (8, 'evt_8', 'digest:8', 'quarantined', NULL, NULL, NULL, ${now - 5}, randomblob(300000));
  INSERT INTO keys VALUES
    ('job.failed:job_1', 'evt_1', 0, NULL, 'webhook'),
    ('job.succeeded:job_1', 'evt_2', 3, NULL, 'webhook'),
    ('job.succeeded:job_3', 'evt_3', 0, NULL, 'reconcile'),
    ('digest:7', 'evt_7', 0, NULL, 'webhook'),
    ('digest:8', 'evt_8', 0, NULL, 'webhook'),
    ('job.succeeded:job_0', 'evt_0', 1, ${now + minute}, 'webhook');
  INSERT INTO deliveries VALUES
    (1, 'a', 2, 1, 1, ${now - 6 * minute}, NULL),
    (2, 'a', 0, 1, 4, ${now - minute}, 'again'),
    (2, 'b', 1, 1, 1, ${now - 1}, NULL),
    (2, 'c', 3, 5, 7, ${now - 3 * minute}, 'no'),
    (2, 'd', 2, 2, 2, ${now - 2 * minute}, 'at first'),
    (2, 'e', 1, 1, 3, ${now + minute}, NULL),
    (3, 'c', 3, 5, 5, ${now - 2 * minute}, 'no');
  INSERT INTO expectations VALUES (1, 'job_9', 'pat_1', ${now + minute}, 0, ${now + minute}, NULL);
  INSERT INTO rejections VALUES (1, 'rej_1', ${now}, ${now}, 'missing', 1, x'7b')
`;

/** That a storage over {@linkcode secondVersionRows} shows all of it, and works with it. */
export async function expectSecondVersionKept(storage: Storage): Promise<void> {
  const { events } = await storage.list({ limit: 10 });
  expect(events.map(({ id }) => id)).toEqual(["evt_8", "evt_7", "evt_3", "evt_2", "evt_1"]);
  expect(events[2]).toMatchObject({ origin: "reconcile", traceParent: null });
  expect(await storage.stats()).toMatchObject({
    events: { accepted: 2, ignored: 1, quarantined: 1, superseded: 1 },
    deliveries: { pending: 1, running: 2, succeeded: 2, dead: 2 },
    duplicates: 3,
    expectations: { waiting: 1, overdue: 0 },
    rejections: 1,
  });
  for (
    const [filter, ids] of [
      [{ patternId: "pat_1" }, ["evt_2", "evt_1"]],
      [{ event: "job.failed" }, ["evt_1"]],
      [{ event: "job.succeeded", patternId: "pat_2" }, ["evt_3"]],
      [{ deliveryState: "running" }, ["evt_2"]],
      [{ deliveryState: "pending", receivedAfter: now - 8 }, ["evt_2"]],
      [{ deliveryState: "dead", receivedBefore: now - 7 }, ["evt_2"]],
    ] as const
  ) {
    const page = await storage.list({ ...filter, limit: 10 });
    expect(page.events.map(({ id }) => id)).toEqual(ids);
  }
  const ofC = { processor: "c", error: "no" };
  expect(await storage.deadGroups({ limit: 10 })).toEqual([
    { ...ofC, count: 2, lastEndedAt: now - 2 * minute, lastEventId: "evt_3" },
  ]);

  // When the attempts of then began is not known.
  const told = async () =>
    (await storage.attempts("evt_2")).map(({ processor, attempt, state, startedAt, endedAt }) => {
      expect(startedAt).toBe(now);
      return [processor, attempt, state, endedAt];
    });
  expect(await told()).toEqual([]);
  const running = { eventId: "evt_2", processor: "e", fence: 3 };
  expect(await storage.settle(running, { kind: "retry", afterMs: minute, error: "no" })).toBe(true);
  expect(await storage.redeliver("evt_2", ["d"])).toBe(1);
  expect(await storage.redrive({ ...ofC, limit: 1 })).toBe(1);
  expect(await storage.countDead(ofC)).toBe(1);
  expect(await told()).toEqual([]);
  const processors = ["a", "b", "c", "d"];
  const { claims } = await storage.claim({
    processors,
    limit: 10,
    leaseMs: minute,
    maxAttempts: 3,
  });
  expect(claims).toMatchObject([
    { eventId: "evt_2", processor: "a", attempt: 2, fence: 5, traceParent: null },
    { eventId: "evt_2", processor: "b", attempt: 2, fence: 2 },
    { eventId: "evt_2", processor: "c", attempt: 1, fence: 8 },
    { eventId: "evt_2", processor: "d", attempt: 1, fence: 3 },
  ]);
  const [a, b] = claims;
  if (a === undefined || b === undefined) throw new Error("nothing was claimed");
  await storage.settle(a, { kind: "succeeded" });
  await storage.settle(b, { kind: "dead", error: "no" });
  expect(await told()).toEqual([
    ["a", 2, "succeeded", now],
    ["b", 2, "dead", now],
    ["c", 1, "running", null],
    ["d", 1, "running", null],
  ]);
  await storage.activity.add({ dead: 1 });
  expect(await storage.activity.list(0)).toHaveLength(1);
}
