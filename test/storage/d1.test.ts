import type { NewEvent } from "imggo-webhooks";
import { d1Storage, maxD1BodyBytes } from "imggo-webhooks/storage/d1";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { operatingStatements } from "../../src/storage/d1/operating-statements.ts";
import { receivingStatements } from "../../src/storage/d1/receiving-statements.ts";
import {
  deliveriesOfFilteredPages,
  filteredPages,
} from "../../src/storage/sqlite/list-statements.ts";
import { migrations } from "../../src/storage/sqlite/schema.ts";
import { type D1UnderTest, startD1 } from "../support/d1-database.ts";
import { expectRefused } from "../support/expect-refused.ts";
import { earlierVersions } from "../support/earlier-versions.ts";
import { newEvent, repeatOf } from "../support/new-event.ts";
import { describeStorage, testClock } from "./contract.ts";
import { expectBytes } from "./contract/calls.ts";

let d1: D1UnderTest;
beforeAll(async () => {
  d1 = await startD1();
});
afterAll(() => d1.dispose());
afterEach(() => d1.clear());

describeStorage("d1Storage()", {
  create() {
    const clock = testClock();
    return { open: () => d1Storage(d1.database, clock), advance: clock.advance, dispose() {} };
  },
  divergences: { leaseAtAccept: "on Workers nothing runs beside a request that could take it" },
});

const request = { processors: ["a"], limit: 10, leaseMs: 60_000, maxAttempts: 3 };

/** Runs SQL of the test's own. */
async function execute(...sql: string[]): Promise<Record<string, unknown>[]> {
  const results = await d1.database.batch<Record<string, unknown>>(
    sql.map((statement) => d1.database.prepare(statement)),
  );
  return results.flatMap(({ results }) => results);
}

/** A storage, and how many queries its calls took. */
function counted() {
  let queries = 0;
  const storage = d1Storage({
    prepare: (sql) => d1.database.prepare(sql),
    batch: (statements) => {
      queries += statements.length;
      return d1.database.batch(statements);
    },
  });
  const queriesOf = async (work: () => Promise<unknown>) => {
    queries = 0;
    await work();
    return queries;
  };
  return { storage, queriesOf };
}

describe("d1Storage() and its tables", () => {
  beforeEach(() => d1.empty());
  afterEach(() => d1.empty());

  test("two storages make the tables of one new database at once", async () => {
    const storages = Array.from({ length: 4 }, () => d1Storage(d1.database));
    const events = await Promise.all(storages.map(() => newEvent()));
    await Promise.all(storages.map((storage, index) => storage.accept(events[index] as NewEvent)));
    const listed = await d1Storage(d1.database).list({ limit: 10 });
    expect(listed.events.map(({ id }) => id).sort()).toEqual(events.map(({ id }) => id).sort());
    expect(await execute("SELECT version FROM imggo_webhooks_migrations"))
      .toEqual(migrations.map((_, index) => ({ version: index + 1 })));
  });

  test("calls of one storage make the tables of a new database at once", async () => {
    const storage = d1Storage(d1.database);
    const events = await Promise.all(Array.from({ length: 4 }, () => newEvent()));
    await Promise.all([
      ...events.map((event) => storage.accept(event)),
      storage.claim(request),
      storage.ping(),
    ]);
    expect((await storage.list({ limit: 10 })).events).toHaveLength(4);
  });

  test("the tables are those of the SQLite storage", async () => {
    await d1Storage(d1.database).ping();
    const file = new DatabaseSync(":memory:");
    for (const statement of migrations.flat()) file.exec(statement);
    const schema = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL " +
      "AND name NOT LIKE 'imggo%' AND substr(name, 1, 1) <> '_' ORDER BY name";
    const plain = (rows: unknown) => JSON.stringify(rows).replace(/(?:--.*?\\n|\\n|\s)+/g, " ");
    expect(plain(await execute(schema))).toBe(plain(file.prepare(schema).all()));
    file.close();
  });

  for (const { version, name, rows, clock, expectKept } of earlierVersions) {
    test(`a database of the ${name} version is migrated, and keeps what it holds`, async () => {
      const statements = (sql: string) =>
        sql.replace(/--.*/g, "").split(";").map((each) => each.trim()).filter((each) =>
          each !== ""
        );
      const seen = migrations.slice(0, version);
      await execute(
        "CREATE TABLE imggo_webhooks_migrations (version INTEGER PRIMARY KEY) STRICT",
        ...seen.map((_, index) => `INSERT INTO imggo_webhooks_migrations VALUES (${index + 1})`),
        ...seen.flat(),
        ...statements(rows),
      );
      await expectKept(d1Storage(d1.database, clock));
    });
  }

  test("a database of a newer version is refused, and left untouched", async () => {
    await d1Storage(d1.database).accept(await newEvent());
    await execute("INSERT INTO imggo_webhooks_migrations VALUES (1000000)");
    const storage = d1Storage(d1.database);
    for (const work of [() => storage.ping(), async () => storage.accept(await newEvent())]) {
      expect(await expectRefused(work(), "schema")).toMatch(
        /expected schema \d+ or older, got 1000000\. Update imggo-webhooks/,
      );
    }
    expect(await execute("SELECT count(*) AS events FROM events")).toEqual([{ events: 1 }]);
  });

  test("a database with a table of the same name is refused, and left untouched", async () => {
    await execute("CREATE TABLE events (name TEXT)", "INSERT INTO events VALUES ('party')");
    const storage = d1Storage(d1.database);
    expect(await expectRefused(storage.accept(await newEvent()), "schema"))
      .toContain("Expected a D1 database of its own");
    expect(await execute("SELECT * FROM events")).toEqual([{ name: "party" }]);
    expect(await execute("SELECT name FROM sqlite_schema WHERE name LIKE 'imggo%'")).toEqual([]);
    await execute("DROP TABLE events");
    expect(await storage.accept(await newEvent())).toMatchObject({ duplicate: false });
  });

  test("a database that is emptied while it is used is made again", async () => {
    const storage = d1Storage(d1.database);
    await storage.accept(await newEvent());
    await d1.empty();
    await expectRefused(storage.accept(await newEvent()), "schema");
    expect(await storage.accept(await newEvent())).toMatchObject({ duplicate: false });
  });
});

describe("d1Storage() and the limits of D1", () => {
  const ascii = (size: number) => new Uint8Array(size).fill(0x78);
  const bodies: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
    "1.9 MB of text": ascii(1_900_000),
    "as much as is allowed": ascii(maxD1BodyBytes),
    "1 MiB that is not UTF-8": ascii(1_048_576).fill(0xff, 500_000, 500_100),
    "text with the character of what is no text": new TextEncoder().encode("a\ufffdb"),
    "a broken character beside a whole one": Uint8Array.of(0xf0, 0x9f, 0x98, 0xef, 0xbf, 0xbd),
    "a byte order mark": Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d),
  };
  for (const [what, body] of Object.entries(bodies)) {
    test(`a body of ${what} comes back as it was`, async () => {
      const storage = d1Storage(d1.database);
      const event = await newEvent({ body });
      expect(await storage.accept(event)).toMatchObject({ duplicate: false });
      expectBytes(await storage.body(event.id), body);
      const { claims } = await storage.claim(request);
      expectBytes(claims[0]?.body, body);
      expect(await storage.accept(repeatOf(event))).toMatchObject({ identical: true });
      const flipped = body.map((byte, index) => index === 0 ? byte ^ 1 : byte);
      expect(await storage.accept(await newEvent({ key: event.key, body: flipped })))
        .toMatchObject({ identical: false });
    });
  }

  test("a body beyond what a row holds is refused as a whole", async () => {
    const storage = d1Storage(d1.database);
    const event = await newEvent({ body: ascii(maxD1BodyBytes + 1) });
    expect(await expectRefused(storage.accept(event), "full")).toContain("MAX_BODY_BYTES");
    expect(await storage.accept({ ...event, body: (await newEvent()).body }))
      .toMatchObject({ duplicate: false });
  });

  test("claim() takes large bodies in parts, each at least one", async () => {
    const storage = d1Storage(d1.database);
    const ids: string[] = [];
    for (let count = 0; count < 4; count++) {
      ids.push((await storage.accept(await newEvent({ body: ascii(1_900_000) }))).id);
    }
    const first = await storage.claim(request);
    expect(first.claims.map(({ eventId }) => eventId)).toEqual(ids.slice(0, 2));
    const second = await storage.claim(request);
    expect(second.claims.map(({ eventId }) => eventId)).toEqual(ids.slice(2));
  });

  test("any number of processors and of due deliveries is bound as one parameter", async () => {
    const storage = d1Storage(d1.database);
    const processors = Array.from({ length: 150 }, (_, index) => `p${index}`);
    const event = await newEvent({ processors });
    await storage.accept(event);
    const { claims } = await storage.claim({ ...request, processors, limit: 150 });
    expect(claims.map(({ processor }) => processor).sort()).toEqual(processors.sort());
    expect((await storage.get(event.id))?.deliveries).toHaveLength(150);
  });

  test("each call takes the queries that are documented", async () => {
    const { storage, queriesOf } = counted();
    await storage.ping();
    const event = await newEvent({ event: "job.failed", processors: ["a", "b"] });
    expect(await queriesOf(() => storage.accept(event))).toBe(4);
    expect(await queriesOf(() => storage.accept(repeatOf(event)))).toBe(5);
    expect(await queriesOf(async () => storage.accept(await newEvent()))).toBe(6);
    const started = { state: "ignored", event: "job.started", key: "started" } as const;
    expect(await queriesOf(async () => storage.accept(await newEvent(started)))).toBe(2);
    const traced = {
      ...started,
      key: "traced",
      traceParent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`,
    };
    expect(await queriesOf(async () => storage.accept(await newEvent(traced)))).toBe(3);
    const processors = ["a", "b", "c"];
    expect(await queriesOf(() => storage.claim({ ...request, processors: ["c"] }))).toBe(1);
    const lease = (await storage.claim({ ...request, limit: 1 })).claims[0];
    if (lease === undefined) throw new Error("nothing was claimed");
    expect(await queriesOf(() => storage.renew(lease, 1))).toBe(1);
    expect(await queriesOf(() => storage.settle(lease, { kind: "succeeded" }))).toBe(1);
    expect(await queriesOf(() => storage.settle(lease, { kind: "released" }))).toBe(2);
    expect(await queriesOf(() => storage.claim({ ...request, processors }))).toBe(3 + 2);
    expect(await queriesOf(() => storage.ping())).toBe(1);
    expect(await queriesOf(() => storage.get(event.id))).toBe(2);
    expect(await queriesOf(() => storage.body(event.id))).toBe(1);
    expect(await queriesOf(() => storage.list({ limit: 10 }))).toBe(2);
    expect(await queriesOf(() => storage.list({ limit: 10, state: "accepted" }))).toBe(2);
    const narrow = { limit: 10, patternId: "pat_1", event: "job.failed" } as const;
    expect(await queriesOf(() => storage.list(narrow))).toBe(3);
    expect(await queriesOf(() => storage.list({ ...narrow, receivedAfter: 0 }))).toBe(4);
    expect(await queriesOf(() => storage.attempts(event.id))).toBe(1);
    expect(await queriesOf(() => storage.redeliver(event.id, processors))).toBe(1);
    expect(await queriesOf(() => storage.redrive({ limit: 10, patternId: "pat_1" }))).toBe(1);
    expect(await queriesOf(() => storage.countDead({ deadAfter: 0 }))).toBe(1);
    expect(await queriesOf(() => storage.deadGroups({ limit: 10 }))).toBe(1);
    expect(await queriesOf(() => storage.activity.add({ accepted: 1 }))).toBe(2);
    expect(await queriesOf(() => storage.activity.list(0))).toBe(1);
    expect(await queriesOf(() => storage.stats())).toBe(1);
    expect(await queriesOf(() => storage.prune({ receivedBefore: 0, limit: 10 }))).toBe(5);
    const { expectations, rejections } = storage;
    const awaited = { jobId: "job_1", patternId: null, withinMs: 0 };
    const next = { afterMs: 0, error: null };
    const limits = { maxCount: 1, maxBytes: 10, maxAgeMs: 1_000 };
    const refused = { id: "rej_1", receivedAt: 0, signature: "00", body: ascii(1) };
    expect(await queriesOf(() => expectations.add(awaited))).toBe(1);
    expect(await queriesOf(() => expectations.claim({ limit: 10, leaseMs: 1 }))).toBe(2);
    expect(await queriesOf(() => expectations.postpone("job_1", next))).toBe(1);
    expect(await queriesOf(() => expectations.list({ limit: 10 }))).toBe(1);
    expect(await queriesOf(() => rejections.add(refused, limits))).toBe(2);
    expect(await queriesOf(() => rejections.list({ limit: 10 }))).toBe(1);
    expect(await queriesOf(() => rejections.body("rej_1"))).toBe(1);
    expect(await queriesOf(() => rejections.remove("rej_1"))).toBe(1);
    const { storage: fresh, queriesOf: queriesOfFresh } = counted();
    expect(await queriesOfFresh(() => fresh.ping())).toBe(2);
  });

  test("no call on the way of an event scans a table or sorts", () => {
    const file = new DatabaseSync(":memory:");
    for (const statement of migrations.flat()) file.exec(statement);
    // What an operator asks for: `sqlite/plans.test.ts` looks how.
    const filtered = [filteredPages, deliveriesOfFilteredPages].flatMap(Object.keys);
    const ofOperators = [...filtered, "received", "sizes", "deadGroups", "stats"];
    const aside = [...ofOperators, "prunable", "trimRejections"];
    const planned = Object.entries({ ...receivingStatements, ...operatingStatements })
      .filter(([name]) =>
        !["ping", "expireKeys", "deleteTraces", "deleteDeliveries", "deleteEvents", ...aside]
          .includes(name)
      )
      .map(([name, sql]) => {
        const plan = file.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
        return { name, plan: plan.map(({ detail }) => `${detail}`) };
      });
    expect(planned.length).toBeGreaterThan(20);
    const slow = planned.filter(({ plan }) =>
      plan.some((step) => /\bSCAN (?!json_each|CONSTANT ROW)|TEMP B-TREE/.test(step))
    );
    expect(slow).toEqual([]);
    expect(planned.find(({ name }) => name === "due")?.plan[0])
      .toMatch(/INDEX deliveries_due \(processor=\? AND due_at<\?\)$/);
    file.close();
  });
});
