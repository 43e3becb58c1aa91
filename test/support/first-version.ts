import type { Storage } from "imggo-webhooks";
import { expect } from "vitest";
import type { TestClock } from "../storage/contract.ts";
import { verifiedBytes } from "./new-event.ts";

const now = Date.UTC(2026, 0, 1, 12);
const minute = 60_000;

/** The clock of whoever opens what the first version wrote. */
export const firstVersionClock: Pick<TestClock, "now"> = { now: () => now };

/** What the first version of the tables held, as SQL: events and deliveries in every state. */
export const firstVersionRows = `
  INSERT INTO events VALUES
    (1, 'evt_1', 'job.failed:job_1', 'superseded', 'job.failed', 'job_1', 'pat_1', ${now - 3},
      x'7b22610a00ff7d'),
    (2, 'evt_2', 'job.succeeded:job_1', 'accepted', 'job.succeeded', 'job_1', 'pat_1', ${now - 2},
      x''),
    (5, 'evt_5', 'digest:5', 'ignored', 'job.started', 'job_2', NULL, ${now}, x'00'),
    (6, 'evt_6', 'digest:6', 'quarantined', NULL, NULL, NULL, ${now - 1}, randomblob(300000));
  INSERT INTO keys VALUES
    ('job.failed:job_1', 'evt_1', 2, NULL),
    ('job.succeeded:job_1', 'evt_2', 0, NULL),
    ('digest:5', 'evt_5', 1, NULL),
    ('digest:6', 'evt_6', 0, NULL),
    ('job.succeeded:job_0', 'evt_0', 7, ${now + minute});
  INSERT INTO deliveries VALUES
    (1, 'a', 2, 1, 1, ${now - 5 * minute}, NULL),
    (2, 'a', 0, 1, 4, ${now - minute}, 'again'),
    (2, 'b', 1, 1, 1, ${now + minute}, NULL),
    (2, 'c', 3, 5, 7, ${now - 3 * minute}, 'no'),
    (2, 'd', 2, 2, 2, ${now - 2 * minute}, 'at first')
`;

/** That a storage over {@linkcode firstVersionRows} shows all of it, and works with it. */
export async function expectFirstVersionKept(storage: Storage): Promise<void> {
  const { events } = await storage.list({ limit: 10 });
  expect(events.map(({ id }) => id)).toEqual(["evt_6", "evt_5", "evt_2", "evt_1"]);
  expect(events.slice(2)).toEqual([
    {
      id: "evt_2",
      key: "job.succeeded:job_1",
      state: "accepted",
      origin: "webhook",
      event: "job.succeeded",
      jobId: "job_1",
      patternId: "pat_1",
      receivedAt: now - 2,
      size: 0,
      duplicates: 0,
      traceParent: null,
      deliveries: [
        delivery("a", "pending", 1, { dueAt: now - minute, lastError: "again" }),
        delivery("b", "running", 1, { dueAt: now + minute }),
        delivery("c", "dead", 5, { endedAt: now - 3 * minute, lastError: "no" }),
        delivery("d", "succeeded", 2, { endedAt: now - 2 * minute, lastError: "at first" }),
      ],
    },
    {
      id: "evt_1",
      key: "job.failed:job_1",
      state: "superseded",
      origin: "webhook",
      event: "job.failed",
      jobId: "job_1",
      patternId: "pat_1",
      receivedAt: now - 3,
      size: 7,
      duplicates: 2,
      traceParent: null,
      deliveries: [delivery("a", "succeeded", 1, { endedAt: now - 5 * minute })],
    },
  ]);
  expect([...await storage.body("evt_1") ?? []]).toEqual([0x7b, 0x22, 0x61, 0x0a, 0, 0xff, 0x7d]);
  expect((await storage.body("evt_6"))?.byteLength).toBe(300_000);
  expect(await storage.stats()).toEqual({
    events: { accepted: 1, ignored: 1, quarantined: 1, superseded: 1 },
    deliveries: { pending: 1, running: 1, succeeded: 2, dead: 1 },
    duplicates: 3,
    oldestDueAt: now - minute,
    lastReceivedAt: now,
    expectations: { waiting: 0, overdue: 0 },
    rejections: 0,
  });
  for (
    const [filter, ids] of [
      [{ jobId: "job_1" }, ["evt_2", "evt_1"]],
      [{ jobId: "job_2" }, ["evt_5"]],
      [{ state: "quarantined" }, ["evt_6"]],
      [{ deliveryState: "dead" }, ["evt_2"]],
      [{ receivedAfter: now - 1 }, ["evt_6", "evt_5"]],
    ] as const
  ) {
    const page = await storage.list({ ...filter, limit: 10 });
    expect(page.events.map(({ id }) => id)).toEqual(ids);
  }
  // A key that outlived its event still tells a repeat.
  const body = await verifiedBytes(Uint8Array.of());
  const late = { id: "evt_7", key: "job.succeeded:job_0", state: "accepted", body } as const;
  const fields = {
    origin: "reconcile",
    event: "job.succeeded",
    patternId: null,
    traceParent: null,
  } as const;
  const repeat = { ...late, ...fields, jobId: "job_0", receivedAt: now, processors: ["a"] };
  expect(await storage.accept(repeat)).toMatchObject({ id: "evt_0", duplicate: true });
  expect(await storage.countDead({ deadBefore: now - 2 * minute })).toBe(1);
  expect(await storage.redrive({ limit: 10 })).toBe(1);
  const request = { processors: ["a", "b", "c"], limit: 10, leaseMs: minute, maxAttempts: 3 };
  expect((await storage.claim(request)).claims).toMatchObject([
    { eventId: "evt_2", processor: "a", attempt: 2, fence: 5 },
    { eventId: "evt_2", processor: "c", attempt: 1, fence: 8 },
  ]);
}

function delivery(
  processor: string,
  state: string,
  attempts: number,
  rest: { readonly dueAt?: number; readonly endedAt?: number; readonly lastError?: string },
) {
  return { processor, state, attempts, dueAt: null, endedAt: null, lastError: null, ...rest };
}
