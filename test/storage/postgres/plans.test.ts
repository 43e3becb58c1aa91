import { lastAttemptLost } from "../../../src/storage/storage.ts";
import { listSource, listStatements, listValues } from "../../../src/storage/postgres/list.ts";
import { deadValues, redeliverStatements } from "../../../src/storage/postgres/redeliver.ts";
import { statementsFor } from "../../../src/storage/postgres/statements.ts";
import { statsStatement } from "../../../src/storage/postgres/stats.ts";
import type { DeadFilter, EventFilter } from "imggo-webhooks";
import { postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { newEvent } from "../../support/new-event.ts";
import { connectPg, openPool } from "../../support/postgres-clients.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres-server.ts";

let server: PostgresServer;
let administrator: pg.Pool;
beforeAll(async () => {
  server = await startPostgres();
  administrator = openPool(server.url);
});
afterAll(async () => {
  await administrator.end();
  await server.dispose();
});

/** A node of a plan, as EXPLAIN gives it in JSON. */
interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Actual Rows"?: number;
  readonly "Shared Hit Blocks"?: number;
  readonly "Shared Read Blocks"?: number;
  readonly Plans?: readonly PlanNode[];
}

/** Stores so many events at once, each with a delivery to `a` in this state, due since an hour. */
async function fill(schema: string, count: number, state = 0): Promise<void> {
  await administrator.query(`
    WITH stored AS (
      INSERT INTO ${schema}.events (id, key, state, origin, event, job_id, received_at, body)
      SELECT 'evt_' || n, 'key_' || n, 'accepted', 'webhook', 'job.succeeded', 'job_' || n,
        now() - interval '1 hour', convert_to(repeat('x', 500), 'UTF8')
      FROM generate_series(1, ${count}) n RETURNING seq, key, id
    ), known AS (
      INSERT INTO ${schema}.keys (digest, event_id) SELECT ${schema}.digest_of(key), id FROM stored
    )
    INSERT INTO ${schema}.deliveries (event_seq, processor, state, due_at)
    SELECT seq, 'a', ${state}, now() - interval '1 hour' FROM stored`);
  await administrator.query(`ANALYZE ${schema}.events, ${schema}.keys, ${schema}.deliveries`);
}

/** What a statement does, undone. */
async function explain(
  statement: string,
  values: readonly unknown[],
): Promise<readonly PlanNode[]> {
  const client = await administrator.connect();
  try {
    await client.query("BEGIN");
    const { rows } = await client.query(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement}`,
      [...values],
    );
    await client.query("ROLLBACK");
    const root: PlanNode = rows[0]["QUERY PLAN"][0].Plan;
    const all = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(all)];
    return all(root);
  } finally {
    client.release();
  }
}

/** No table is read as a whole, and nothing sorts or hashes more rows than come out. */
function expectFewRows(nodes: readonly PlanNode[], most = 100): void {
  const tables = ["events", "keys", "deliveries"];
  expect(
    nodes.filter((node) =>
      node["Node Type"] === "Seq Scan" && tables.includes(node["Relation Name"] ?? "")
    ),
  ).toEqual([]);
  for (const node of nodes) expect(node["Actual Rows"]).toBeLessThanOrEqual(most);
}

/** How many pages were read to find what is due. */
function pagesRead(nodes: readonly PlanNode[]): number {
  const scan = nodes.find((node) => node["Index Name"] === "deliveries_due");
  return (scan?.["Shared Hit Blocks"] ?? NaN) + (scan?.["Shared Read Blocks"] ?? NaN);
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

const request = { processors: ["a"], limit: 10, leaseMs: 60_000, maxAttempts: 8 };

describe("the statements of postgresStorage(), on many rows", () => {
  test.each(
    [
      ["claim, of 20,000 that are due", "claim", 0, claimValues()],
      ["an event", "event", 2, ["evt_5000"]],
      ["its end", "settle", 1, ["evt_5000", "a", 0, 2, 0, 0, null]],
      ["the renewal of its lease", "renew", 1, ["evt_5000", "a", 0, 60_000]],
    ] as const,
  )("read by the indexes, and no more than is asked for: %s", async (...given) => {
    const [label, name, state, values] = given;
    const schema = `plan_${label.replaceAll(/\W+/g, "_")}`;
    await open(schema).ping();
    await fill(schema, 20_000, state);
    const nodes = await explain(statementsFor(schema)[name], values);
    expectFewRows(nodes);
    if (name === "claim") {
      expect(nodes.map((node) => node["Index Name"])).toContain("deliveries_due");
    }
  });
});

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
        `UPDATE ${schema}.deliveries SET state = 3 WHERE event_seq <= 100`,
        `UPDATE ${schema}.events SET state = 'quarantined' WHERE seq BETWEEN 101 AND 200`,
        `UPDATE ${schema}.events SET pattern_id = 'pat_1' WHERE seq <= 100`,
        `VACUUM ANALYZE ${schema}.events, ${schema}.deliveries, ${schema}.keys`,
      ]
    ) await administrator.query(text);
  });
  const list = (filter: EventFilter & { readonly cursor?: string }) =>
    explain(listStatements(schema)[listSource(filter)], listValues({ ...filter, limit: 50 }));

  test.each<[string, EventFilter & { readonly cursor?: string }]>([
    ["none", {}],
    ["none, in the middle", { cursor: "10000" }],
    ["a common state", { state: "accepted", deliveryState: "succeeded" }],
    ["a rare state", { state: "quarantined" }],
    ["a rare state that there is not", { state: "ignored" }],
    ["dead deliveries", { deliveryState: "dead" }],
    ["a job", { jobId: "job_5000" }],
    ["a job that there is not", { jobId: "job_0", state: "accepted" }],
  ])("list() by the indexes, and no more than is asked for: %s", async (_, filter) => {
    expectFewRows(await list(filter));
  });

  test.each<[string, EventFilter]>([
    ["a name", { event: "job.failed" }],
    ["a pattern", { patternId: "pat_1" }],
    ["an hour", { receivedBefore: 0 }],
    ["running deliveries", { deliveryState: "running" }],
  ])("list() by what has no index, on so many events and no more: %s", async (_, filter) => {
    expectFewRows(await list(filter), 10_000);
  });

  test.each<[string, DeadFilter]>([
    ["all", {}],
    ["of a processor", { processor: "a" }],
    ["of a pattern", { patternId: "pat_1" }],
    ["of a name that there is not", { event: "job.failed" }],
    ["since a time", { deadAfter: Date.now() }],
  ])("redrive() and countDead() at the dead deliveries only: %s", async (_, filter) => {
    const { countDead, redrive } = redeliverStatements(schema);
    expectFewRows(await explain(countDead, deadValues(filter)));
    expectFewRows(await explain(redrive, [...deadValues(filter), 50]));
  });

  test("stats() reads no table of bodies as a whole", async () => {
    const nodes = await explain(statsStatement(schema), []);
    const scans = nodes.filter((node) => node["Relation Name"] === "events");
    expect(scans.map((node) => node["Node Type"])).toEqual(
      ["Index Only Scan", "Index Only Scan", "Index Only Scan"],
    );
  });
});

describe("claim() of postgresStorage()", () => {
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
    const before = await explain(statementsFor(schema).claim, [
      seen.at(-1),
      ...claimValues().slice(1),
    ]);
    await claimSome(2_000);
    const after = await explain(statementsFor(schema).claim, [
      seen.at(-1),
      ...claimValues().slice(1),
    ]);
    const swept = await explain(statementsFor(schema).claim, claimValues());
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
    await slow.query(statementsFor(schema).accept, [
      late.id,
      late.key,
      late.state,
      late.origin,
      late.event,
      late.jobId,
      late.patternId,
      late.receivedAt,
      late.body,
      JSON.stringify(late.processors),
    ]);
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
