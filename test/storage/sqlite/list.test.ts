import type { EventFilter } from "imggo-webhooks";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { planOf } from "../../../src/storage/sqlite/list.ts";
import { type AheadRows, mostCounted } from "../../../src/storage/sqlite/list-statements.ts";

const count = 12_000;
let folder: string;
let path: string;

// More than a page looks at. The n-th was received at 1,000,000 + n, but for the first, which was last.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  path = join(folder, "events.db");
  const storage = sqliteStorage(path);
  await storage.ping();
  await storage.close();
  const database = new DatabaseSync(path);
  database.exec(`
    BEGIN;
    CREATE TEMP TABLE numbers AS WITH RECURSIVE numbers (n) AS
      (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count}) SELECT n FROM numbers;
    INSERT INTO events (seq, id, key, state, event, pattern_id, received_at, body)
      SELECT n, 'evt_' || n, 'key_' || n, 'accepted',
        iif(n % 3000 = 1, 'job.failed', 'job.succeeded'),
        iif(n % 4000 = 1, 'rare', 'common'), 1000000 + iif(n = 1, 20000, n), x'' FROM numbers;
    INSERT INTO keys (key, event_id) SELECT 'key_' || n, 'evt_' || n FROM numbers;
    INSERT INTO deliveries (event_seq, processor, due_at, state)
      SELECT n, 'a', 0, CASE n % 4000 WHEN 1 THEN 1 WHEN 2 THEN 0 WHEN 3 THEN 3 ELSE 2 END
        FROM numbers;
    COMMIT`);
  database.close();
});
afterAll(() => rm(folder, { recursive: true }));

/** The numbers of the events that a filter means, and how many pages that took. */
async function listed(filter: EventFilter) {
  const storage = sqliteStorage(path);
  const numbers: number[] = [];
  let pages = 0;
  let cursor: string | null | undefined;
  while (cursor !== null) {
    pages++;
    const page = await storage.list({ ...filter, limit: 500, ...(cursor && { cursor }) });
    expect(page.events.length).toBeLessThanOrEqual(500);
    numbers.push(...page.events.map(({ id }) => Number(id.slice("evt_".length))));
    cursor = page.nextCursor;
  }
  await storage.close();
  return { numbers, pages };
}

const rare = [8_001, 4_001, 1];
const downTo = (from: number, to: number) =>
  Array.from({ length: from - to + 1 }, (_, index) => from - index);

const filters: readonly (readonly [string, EventFilter, readonly number[], mostPages: number])[] = [
  ["a pattern", { patternId: "rare" }, rare, 1],
  ["an event's name", { event: "job.failed" }, [9_001, 6_001, 3_001, 1], 1],
  ["what runs", { deliveryState: "running" }, rare, 1],
  ["what waits", { deliveryState: "pending" }, [8_002, 4_002, 2], 1],
  ["what is dead", { deliveryState: "dead" }, [8_003, 4_003, 3], 1],
  ["a name of a pattern", { patternId: "common", event: "job.failed" }, [9_001, 6_001, 3_001], 1],
  ["a pattern of a name", { patternId: "rare", event: "job.succeeded" }, [8_001, 4_001], 1],
  ["a state of a pattern", { patternId: "common", deliveryState: "pending" }, [8_002, 4_002, 2], 1],
  [
    "a pattern at a time",
    { patternId: "common", receivedAfter: 1_000_100, receivedBefore: 1_000_110 },
    downTo(109, 100),
    1,
  ],
  ["a few moments", { receivedAfter: 1_000_100, receivedBefore: 1_000_200 }, downTo(199, 100), 1],
  ["a while", { receivedAfter: 1_010_000, receivedBefore: 1_011_000 }, downTo(10_999, 10_000), 2],
  ["the latest", { receivedAfter: 1_011_999 }, [12_000, 11_999, 1], 7],
  ["the first", { receivedBefore: 1_000_004 }, [3, 2], 1],
  ["most", { receivedAfter: 1_001_000 }, [...downTo(12_000, 1_000), 1], 24],
  ["all but the latest", { receivedBefore: 1_010_901 }, downTo(10_900, 2), 24],
  ["no time", { receivedAfter: 1_000_200, receivedBefore: 1_000_100 }, [], 1],
];
for (const [what, filter, numbers, mostPages] of filters) {
  test(`list() finds ${what} among ${count}, on pages that look at a part of them`, async () => {
    const found = await listed(filter);
    expect(found.numbers).toEqual(numbers);
    expect(found.pages).toBeLessThanOrEqual(mostPages);
  });
}

test("list() gives a page of more than one looks at", async () => {
  const storage = sqliteStorage(path);
  const { events, nextCursor } = await storage.list({ receivedAfter: 0, limit: 3_000 });
  expect(events).toHaveLength(3_000);
  expect(nextCursor).not.toBeNull();
  await storage.close();
});

test("list() looks where the fewest are, but not where many wait", () => {
  const sourceOf = (filter: EventFilter, sizes: Partial<AheadRows["sizes"]>) =>
    planOf({ limit: 10, ...filter }, {
      sizes: {
        ofPattern: 0,
        ofOtherName: 0,
        ofState: 0,
        withDeadOnes: 0,
        withOpenOnes: 0,
        ...sizes,
      },
    }).source;
  const pending = { patternId: "pat_1", deliveryState: "pending" } as const;
  expect(sourceOf(pending, { ofPattern: 5, withOpenOnes: 4 })).toBe("withOpenOnes");
  expect(sourceOf(pending, { ofPattern: 5, withOpenOnes: 6 })).toBe("ofPattern");
  expect(sourceOf(pending, { ofPattern: mostCounted, withOpenOnes: mostCounted })).toBe(
    "ofPattern",
  );
  expect(sourceOf({ deliveryState: "pending" }, { withOpenOnes: mostCounted })).toBe(
    "withDeliveries",
  );
  const dead = { event: "job.failed", deliveryState: "dead" } as const;
  expect(sourceOf(dead, { ofOtherName: 5, withDeadOnes: 6 })).toBe("ofOtherName");
});
