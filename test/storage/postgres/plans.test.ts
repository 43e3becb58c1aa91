import { lastAttemptLost } from "../../../src/storage/storage.ts";
import { acceptValues } from "../../../src/storage/postgres/accept-values.ts";
import { attemptsStatement } from "../../../src/storage/postgres/attempts.ts";
import { deadGroupsStatement } from "../../../src/storage/postgres/dead-groups.ts";
import { createExpectations } from "../../../src/storage/postgres/expectations.ts";
import { createList } from "../../../src/storage/postgres/list.ts";
import { createRejections } from "../../../src/storage/postgres/rejections.ts";
import type { Query } from "../../../src/storage/postgres/client.ts";
import { settleValues } from "../../../src/storage/postgres/settle.ts";
import { deadStatements, deadValues } from "../../../src/storage/postgres/redeliver.ts";
import { type Statements, statementsFor } from "../../../src/storage/postgres/statements.ts";
import { statsStatement } from "../../../src/storage/postgres/stats.ts";
import type { DeadFilter, EventFilter } from "imggo-webhooks";
import { postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { newEvent } from "../../support/new-event.ts";
import { expectFewRows, explain, pagesRead, type PlanNode } from "../../support/postgres-plans.ts";
import { connectPg, openPool } from "../../support/postgres-clients.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres-server.ts";

let server: PostgresServer;
let administrator: pg.Pool;
beforeAll(async () => {
  server = await startPostgres({ fsync: false });
  administrator = openPool(server.url);
});
afterAll(async () => {
  await administrator.end();
  await server.dispose();
});

/** Stores so many events at once, each with a delivery to `a` in this state, due since an hour. */
async function fill(schema: string, count: number, state = 0): Promise<void> {
  await administrator.query(`
    WITH stored AS (
      INSERT INTO ${schema}.events (id, key, state, origin, event, job_id, received_at, body)
      SELECT 'evt_' || n, 'key_' || n, 'accepted', 'webhook', 'job.succeeded', 'job_' || n,
        timestamptz '2026-01-01Z' + n * interval '1 second', convert_to(repeat('x', 500), 'UTF8')
      FROM generate_series(1, ${count}) n RETURNING seq, key, id
    ), known AS (
      INSERT INTO ${schema}.keys (digest, event_id) SELECT ${schema}.digest_of(key), id FROM stored
    )
    INSERT INTO ${schema}.deliveries (event_seq, processor, state, due_at)
    SELECT seq, 'a', ${state}, now() - interval '1 hour' FROM stored`);
  await administrator.query(`ANALYZE ${schema}.events, ${schema}.keys, ${schema}.deliveries`);
}

const claimValues = (since = 0) => [
  JSON.stringify([{ name: "a", since, seen: since }]),
  10,
  60_000,
  8,
  0,
  lastAttemptLost,
];

function open(schema: string) {
  return postgresStorage(connectPg(server.url), { schema });
}

/** A query, and what it did so far. */
function explaining(): { readonly nodes: readonly PlanNode[]; readonly query: Query } {
  const nodes: PlanNode[] = [];
  const query: Query = async (text, values = []) => {
    nodes.push(...await explain(administrator, text, values));
    return (await administrator.query(text, [...values])).rows;
  };
  return { nodes, query };
}

/** How many rows a statement reads one after another, finds by an index, and changes; undone. */
async function rowsOf(schema: string, name: keyof Statements, values: readonly unknown[]) {
  const client = await administrator.connect();
  onTestFinished(() => client.release());
  // What a connection did before it may not have told yet.
  const counted = async () =>
    (await client.query(
      `SELECT sum(seq_tup_read)::int AS passed, sum(idx_tup_fetch)::int AS found,
        sum(n_tup_ins + n_tup_upd + n_tup_del)::int AS changed
      FROM pg_stat_xact_user_tables WHERE schemaname = $1`,
      [schema],
    )).rows[0];
  await client.query("BEGIN");
  const before = await counted();
  await client.query(statementsFor(schema)[name], [...values]);
  const after = await counted();
  await client.query("ROLLBACK");
  return {
    passed: after.passed - before.passed,
    found: after.found - before.found,
    changed: after.changed - before.changed,
  };
}

const request = { processors: ["a"], limit: 10, leaseMs: 60_000, maxAttempts: 8 };

describe("what postgresStorage() looks at, of 20,000 events", () => {
  const schema = "plan_looking";
  beforeAll(async () => {
    const pool = new pg.Pool({ connectionString: server.url });
    await postgresStorage(pool, { schema }).ping();
    await pool.end();
    await fill(schema, 20_000, 2);
    // What is rare was stored first, where whoever goes through all of them comes last.
    for (
      const text of [
        `UPDATE ${schema}.events SET pattern_id = 'pat_2'`,
        `VACUUM ${schema}.events`,
        `UPDATE ${schema}.deliveries SET state = 3, last_error = CASE WHEN event_seq > 20
          THEN 'common' ELSE 'rare' END WHERE event_seq <= 100`,
        `UPDATE ${schema}.deliveries SET state = 0 WHERE event_seq BETWEEN 301 AND 350`,
        `UPDATE ${schema}.deliveries SET state = 1, fence = 1 WHERE event_seq BETWEEN 351 AND 400`,
        `UPDATE ${schema}.events SET event = 'job.failed' WHERE seq BETWEEN 201 AND 300`,
        `UPDATE ${schema}.events SET state = 'quarantined' WHERE seq BETWEEN 101 AND 200`,
        `UPDATE ${schema}.events SET pattern_id = 'pat_1' WHERE seq <= 100`,
        `VACUUM ANALYZE ${schema}.events, ${schema}.deliveries, ${schema}.keys`,
      ]
    ) await administrator.query(text);
  });
  const lease = (number: number) => ({ eventId: `evt_${number}`, processor: "a", fence: 1 });

  /** All that is done to list a page. */
  const list = async (filter: EventFilter & { readonly cursor?: string }) => {
    const { nodes, query } = explaining();
    const page = await createList(query, schema)({ ...filter, limit: 50 });
    return { nodes, page };
  };
  const receivedAt = (seq: number) => Date.UTC(2026, 0, 1) + seq * 1_000;

  test.each<[string, number, EventFilter & { readonly cursor?: string }]>([
    ["none", 50, {}],
    ["none, in the middle", 50, { cursor: "10000" }],
    ["a common state", 50, { state: "accepted", deliveryState: "succeeded" }],
    ["a rare state", 50, { state: "quarantined" }],
    ["a rare state that there is not", 0, { state: "ignored" }],
    ["dead deliveries", 50, { deliveryState: "dead" }],
    ["pending deliveries", 50, { deliveryState: "pending" }],
    ["running deliveries", 50, { deliveryState: "running" }],
    ["a job", 1, { jobId: "job_5000" }],
    ["a job that there is not", 0, { jobId: "job_0", state: "accepted" }],
    ["a rare name", 50, { event: "job.failed" }],
    ["a common name", 50, { event: "job.succeeded" }],
    ["a name that there is not", 0, { event: "job.started" }],
    ["a rare pattern", 50, { patternId: "pat_1" }],
    ["a common pattern", 50, { patternId: "pat_2" }],
    ["a pattern that there is not", 0, { patternId: "pat_3" }],
    ["a minute", 50, { receivedAfter: receivedAt(5_000), receivedBefore: receivedAt(5_060) }],
    ["a time before all", 0, { receivedBefore: receivedAt(0) }],
    ["a time behind all", 0, { receivedAfter: receivedAt(30_000) }],
  ])("list() by the indexes, and no more than is asked for: %s", async (_, count, filter) => {
    const { nodes, page } = await list(filter);
    expect(page.events).toHaveLength(count);
    expectFewRows(nodes);
  });

  test.each<[string, number, EventFilter]>([
    ["two that are rare", 50, { patternId: "pat_1", deliveryState: "dead" }],
    ["a rare and a common one", 50, { state: "quarantined", patternId: "pat_2" }],
    ["a rare one and a long time", 50, { event: "job.failed", receivedBefore: receivedAt(15_000) }],
    ["a common one and a minute", 10, {
      patternId: "pat_2",
      receivedAfter: receivedAt(5_000),
      receivedBefore: receivedAt(5_010),
    }],
    ["a common one and a long time", 50, {
      patternId: "pat_2",
      receivedBefore: receivedAt(12_000),
    }],
    ["a long time", 50, { receivedBefore: receivedAt(15_000) }],
    ["a long time until now", 50, { receivedAfter: receivedAt(1_000) }],
  ])("list() by where the fewest are, and counts no more: %s", async (_, count, filter) => {
    const { nodes, page } = await list(filter);
    expect(page.events).toHaveLength(count);
    // What it takes to find where a long time ends.
    expectFewRows(nodes, 15_000);
    // Of the events themselves not one more is read.
    const read = nodes.filter((node) => node["Node Type"] === "Index Scan");
    for (const node of read) expect(node["Actual Rows"]).toBeLessThanOrEqual(100);
  });

  test.each<[string, EventFilter]>([
    ["evt_14999", { receivedBefore: receivedAt(15_000) }],
    ["evt_11999", { patternId: "pat_2", receivedBefore: receivedAt(12_000) }],
  ])("list() begins with the last that was received in a long time: %s", async (id, filter) => {
    const { page } = await list(filter);
    expect(page.events[0]?.id).toBe(id);
    const next = await list({ ...filter, cursor: page.nextCursor ?? expect.fail() });
    const numbers = [...page.events, ...next.page.events].map((event) => Number(event.id.slice(4)));
    expect(numbers).toEqual(numbers.map((_, index) => Number(id.slice(4)) - index));
    expect(numbers).toHaveLength(100);
  });

  test("list() by what has no index looks at so many events and no more", async () => {
    const { nodes, page } = await list({ deliveryState: "succeeded", state: "superseded" });
    expect(page).toEqual({ events: [], nextCursor: null });
    expectFewRows(nodes, 10_000);
    const looking = await list({
      event: "job.succeeded",
      deliveryState: "dead",
      patternId: "pat_2",
    });
    expectFewRows(looking.nodes, 10_001);
  });

  test.each<[string, DeadFilter]>([
    ["all", {}],
    ["of a processor", { processor: "a" }],
    ["of a pattern", { patternId: "pat_1" }],
    ["of a name that there is not", { event: "job.failed" }],
    ["since a time", { deadAfter: Date.now() }],
    ["of an error", { error: "rare" }],
    ["of a processor and an error", { processor: "a", error: "rare" }],
  ])("redrive() and countDead() at the dead deliveries only: %s", async (_, filter) => {
    const { countDead, redrive } = deadStatements(schema, filter);
    expectFewRows(await explain(administrator, countDead, deadValues(filter)));
    expectFewRows(await explain(administrator, redrive, [...deadValues(filter), 50]));
  });

  test("get(), renew(), attempts() and deadGroups() read no more than what they tell of", async () => {
    const { event, renew } = statementsFor(schema);
    expectFewRows(await explain(administrator, event, ["evt_5000"]));
    expectFewRows(await explain(administrator, renew, ["evt_351", "a", 1, 60_000]));
    expectFewRows(await explain(administrator, attemptsStatement(schema), ["evt_5000"]));
    expectFewRows(await explain(administrator, deadGroupsStatement(schema), [10]));
  });

  test.each(
    [
      ["accept", async () => acceptValues(await newEvent())],
      ["accept", async () => acceptValues(await newEvent({ event: "job.failed", jobId: "job_7" }))],
      ["settle", () => settleValues(lease(351), { kind: "succeeded" })],
      ["settle", () => settleValues(lease(352), { kind: "dead", error: "no" })],
      ["settle", () => settleValues(lease(353), { kind: "retry", afterMs: 0, error: "no" })],
    ] as const,
  )("%s() changes rows that it finds by the indexes (%#)", async (name, valuesOf) => {
    const { passed, found, changed } = await rowsOf(schema, name, await valuesOf());
    expect(passed).toBe(0);
    expect(found).toBeLessThanOrEqual(5);
    expect(changed).toBeGreaterThan(0);
  });

  test("prune() finds by the index which keys have expired", async () => {
    await administrator.query(`UPDATE ${schema}.keys SET expires_at = now() WHERE digest IN (
      SELECT digest FROM ${schema}.keys LIMIT 10)`);
    await administrator.query(`VACUUM ANALYZE ${schema}.keys`);
    const { passed, changed } = await rowsOf(schema, "prune", [0, 50, 1_000]);
    expect(passed).toBe(0);
    expect(changed).toBe(10);
  });

  test("stats() reads no table of bodies as a whole", async () => {
    const nodes = await explain(administrator, statsStatement(schema), []);
    const scans = nodes.filter((node) => node["Relation Name"] === "events");
    expect(scans.map((node) => node["Node Type"])).toEqual(
      ["Index Only Scan", "Index Only Scan", "Index Only Scan"],
    );
  });
});

test("expectations of postgresStorage() are read by the indexes, of 20,000 that are awaited", async () => {
  const schema = "many_awaited";
  await open(schema).ping();
  await administrator.query(`
    INSERT INTO ${schema}.expectations (job_id, deadline_at, ask_at)
    SELECT 'job_' || n, now() + n * interval '1 second',
      CASE WHEN n <= 100 THEN now() - n * interval '1 second' END
    FROM generate_series(1, 20000) n`);
  await administrator.query(`VACUUM ANALYZE ${schema}.expectations`);
  const { nodes, query } = explaining();
  const expectations = createExpectations(query, schema);
  const { nextCursor } = await expectations.list({ limit: 10 });
  await expectations.list({ limit: 10, ...nextCursor !== null && { cursor: nextCursor } });
  expect(await expectations.claim({ limit: 10, leaseMs: 60_000 })).toHaveLength(10);
  await expectations.postpone("job_5000", { afterMs: 60_000, error: null });
  expectFewRows(nodes);
});

test("rejections of postgresStorage() are read by the index, of 20,000 that are kept", async () => {
  const schema = "many_rejected";
  await open(schema).ping();
  await administrator.query(`
    INSERT INTO ${schema}.rejections (id, received_at, signature, stored_at, body)
    SELECT 'rej_' || n, now(), '', now(), 'x' FROM generate_series(1, 20000) n`);
  await administrator.query(`VACUUM ANALYZE ${schema}.rejections`);
  const { nodes, query } = explaining();
  const rejections = createRejections(query, schema);
  const { nextCursor } = await rejections.list({ limit: 10 });
  await rejections.list({ limit: 10, ...nextCursor !== null && { cursor: nextCursor } });
  await rejections.body("rej_5000");
  expectFewRows(nodes);
});

describe("claim() of postgresStorage()", () => {
  test("reads by an index no more of 20,000 that are due than is asked for", async () => {
    const schema = "many_due";
    await open(schema).ping();
    await fill(schema, 20_000);
    const nodes = await explain(administrator, statementsFor(schema).claim, claimValues());
    expectFewRows(nodes);
    expect(nodes.map((node) => node["Index Name"])).toContain("deliveries_due");
  });

  test("reads no more while a transaction holds back what was claimed before", async () => {
    const schema = "held_back";
    const storage = open(schema);
    await storage.ping();
    await fill(schema, 4_000);
    const holder = await administrator.connect();
    await holder.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class");
    onTestFinished(async () => {
      await holder.query("ROLLBACK");
      holder.release();
    });
    const seen: string[] = [];
    const pool = connectPg(server.url);
    const query = pg.Client.prototype.query;
    // Which times the storage's own claims go by.
    vi.spyOn(pg.Client.prototype, "query").mockImplementation(function (this: pg.Client, ...args) {
      if (String(args[0]).includes("wanted")) seen.push((args[1] as unknown as string[])[0] ?? "");
      return Reflect.apply(query, this, args);
    });
    onTestFinished(() => void vi.restoreAllMocks());
    const watched = postgresStorage(pool, { schema });
    const claimSome = async (count: number) => {
      for (let claimed = 0; claimed < count;) {
        const { claims } = await watched.claim({ ...request, limit: 100 });
        expect(claims).not.toEqual([]);
        claimed += claims.length;
      }
    };
    await administrator.query(`UPDATE ${schema}.deliveries
      SET due_at = now() - interval '1 hour' + event_seq * interval '1 second'`);
    await claimSome(200);
    const before = await explain(administrator, statementsFor(schema).claim, [
      seen.at(-1),
      ...claimValues().slice(1),
    ]);
    await claimSome(2_000);
    const after = await explain(administrator, statementsFor(schema).claim, [
      seen.at(-1),
      ...claimValues().slice(1),
    ]);
    const swept = await explain(administrator, statementsFor(schema).claim, claimValues());
    expect(pagesRead(after)).toBeLessThan(2 * pagesRead(before));
    // What it would be without.
    expect(pagesRead(swept)).toBeGreaterThan(5 * pagesRead(after));
  });

  test("finds within a sweep what was stored in a transaction that took long", async () => {
    const schema = "late_commit";
    const storage = open(schema);
    await storage.ping();
    const slow = await administrator.connect();
    onTestFinished(() => slow.release());
    const late = await newEvent();
    await slow.query("BEGIN");
    await slow.query(statementsFor(schema).accept, [...acceptValues(late)]);
    // As if it had taken an hour.
    await slow.query(`UPDATE ${schema}.deliveries SET due_at = due_at - interval '1 hour'`);
    const now = performance.now.bind(performance);
    const clock = vi.spyOn(performance, "now");
    onTestFinished(() => clock.mockRestore());

    const next = await newEvent();
    await storage.accept(next);
    expect((await storage.claim(request)).claims).toMatchObject([{ eventId: next.id }]);
    await slow.query("COMMIT");
    expect((await storage.claim(request)).claims).toEqual([]);
    clock.mockImplementation(() => now() + 10_001);
    expect((await storage.claim(request)).claims).toMatchObject([{ eventId: late.id }]);
  });
});
