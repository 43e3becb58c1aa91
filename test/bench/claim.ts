// How long a claim of 10 takes with many pending deliveries against few: `npm run bench`. Both are
// asked in turn, so that what disturbs the machine disturbs both alike.
import type { Storage } from "imggo-webhooks";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { parseArgs } from "node:util";
import pg from "pg";
import { postgresStorage } from "../../src/storage/postgres.ts";
import { statementsFor } from "../../src/storage/postgres/statements.ts";
import { sqliteStorage } from "../../src/storage/sqlite.ts";
import { statements as sqliteStatements } from "../../src/storage/sqlite/statements.ts";
import { startPostgres } from "../support/postgres-server.ts";

type Release = () => void | Promise<void>;

/** A storage with so many pending deliveries. */
interface Filled {
  readonly pending: number;
  readonly storage: Storage;
  /** How the database finds what is due, in its own words. */
  plan(): string | Promise<string>;
  /** Begins a transaction in another session, which sees what is there now; ends it. */
  holdOpen(): Release | Promise<Release>;
  dispose(): Promise<void>;
}

const { values: { few, many, rounds } } = parseArgs({
  options: {
    few: { type: "string", default: "1000" },
    many: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "500" },
  },
});

// A millisecond apart, as if they had come over the last while.
const body = "x".repeat(400);

async function fillSqlite(pending: number): Promise<Filled> {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-bench-"));
  const path = join(folder, "events.db");
  const storage = sqliteStorage(path);
  await storage.ping();
  const database = new DatabaseSync(path);
  const now = Date.now();
  database.exec(`
    BEGIN;
    CREATE TEMP TABLE numbers AS
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${pending})
      SELECT n FROM numbers;
    INSERT INTO events (seq, id, key, state, event, job_id, received_at, body)
      SELECT n, 'evt_' || n, 'job.succeeded:' || n, 'accepted', 'job.succeeded', 'job_' || n,
        ${now}, CAST('${body}' AS BLOB) FROM numbers;
    INSERT INTO keys (key, event_id) SELECT 'job.succeeded:' || n, 'evt_' || n FROM numbers;
    INSERT INTO deliveries (event_seq, processor, due_at)
      SELECT n, 'a', ${now - pending} + n FROM numbers;
    COMMIT`);
  return {
    pending,
    storage,
    plan() {
      const plan = database.prepare(`EXPLAIN QUERY PLAN ${sqliteStatements.due}`);
      return plan.all("a", Date.now(), 10).map(({ detail }) => detail).join("\n");
    },
    holdOpen() {
      database.exec("BEGIN; SELECT count(*) FROM keys");
      return () => database.exec("COMMIT");
    },
    async dispose() {
      await storage.close();
      database.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function fillPostgres(pending: number): Promise<Filled> {
  const server = await startPostgres();
  const pool = new pg.Pool({ connectionString: server.url, max: 2 });
  const storage = postgresStorage(pool);
  await storage.ping();
  await pool.query("SET search_path = imggo_webhooks");
  const schema = "imggo_webhooks";
  await pool.query(`
    INSERT INTO ${schema}.events (id, key, state, origin, event, job_id, received_at, body)
      SELECT 'evt_' || n, 'job.succeeded:' || n, 'accepted', 'webhook', 'job.succeeded',
        'job_' || n, now(), '${body}'::bytea FROM generate_series(1, ${pending}) n ORDER BY n;
    INSERT INTO ${schema}.keys (digest, event_id)
      SELECT ${schema}.digest_of(key), id FROM ${schema}.events;
    INSERT INTO ${schema}.deliveries (event_seq, processor, due_at)
      SELECT seq, 'a', now() - (${pending} - seq) * interval '1 millisecond'
      FROM ${schema}.events ORDER BY seq;
    ANALYZE`);
  return {
    pending,
    storage,
    async plan() {
      const wanted = JSON.stringify([{ name: "a", since: Date.now() - pending, seen: 0 }]);
      const client = await pool.connect();
      await client.query("BEGIN");
      const { rows } = await client.query(
        `EXPLAIN (COSTS OFF) ${statementsFor(`"${schema}"`).claim}`,
        [wanted, 10, 60_000, 8, 0, ""],
      );
      await client.query("ROLLBACK");
      client.release();
      return rows.map((row) => row["QUERY PLAN"]).join("\n");
    },
    async holdOpen() {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
      await client.query(`SELECT count(*) FROM ${schema}.migrations`);
      return async () => {
        await client.query("COMMIT");
        await client.end();
      };
    },
    async dispose() {
      await storage.close();
      await pool.end();
      await server.dispose();
    },
  };
}

/** The milliseconds of so many claims of 10, of each in turn. What was claimed is given back. */
async function claimInTurn(filled: readonly Filled[], count: number): Promise<number[][]> {
  const request = { processors: ["a"], limit: 10, leaseMs: 60_000, maxAttempts: 1_000_000 };
  const times: number[][] = filled.map(() => []);
  for (let round = 0; round < count; round++) {
    for (const [index, { storage }] of filled.entries()) {
      const startedAt = performance.now();
      const { claims } = await storage.claim(request);
      times[index]?.push(performance.now() - startedAt);
      if (claims.length !== 10) throw new Error(`claimed ${claims.length} of 10`);
      await Promise.all(claims.map((claim) => storage.settle(claim, { kind: "released" })));
    }
  }
  return times.map((each) => each.sort((a, b) => a - b));
}

const quantile = (sorted: readonly number[], part: number) =>
  sorted[Math.floor(sorted.length * part)] ?? NaN;

for (const [name, fill] of Object.entries({ SQLite: fillSqlite, PostgreSQL: fillPostgres })) {
  const filled = [await fill(Number(few)), await fill(Number(many))];
  try {
    const table: Record<string, Record<string, string>> = {};
    const measure = async (what: string) => {
      const times = await claimInTurn(filled, Number(rounds));
      const [small = NaN, large = NaN] = times.map((each) => quantile(each, 0.5));
      for (const [index, each] of times.entries()) {
        table[`${filled[index]?.pending} pending${what}`] = {
          "p50 ms": quantile(each, 0.5).toFixed(2),
          "p99 ms": quantile(each, 0.99).toFixed(2),
          "p50 ÷ few": index === 0 ? "" : (large / small).toFixed(2),
        };
      }
    };
    await measure("");
    const ends = await Promise.all(filled.map(({ holdOpen }) => holdOpen()));
    await measure(", a transaction held open");
    for (const end of ends) await end();
    console.log(`${name}: a claim of 10`);
    console.table(table);
    console.log(`${await filled[1]?.plan()}\n`);
  } finally {
    for (const { dispose } of filled) await dispose();
  }
}
