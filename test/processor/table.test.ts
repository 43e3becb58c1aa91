import type { Processor } from "imggo-webhooks";
import { table } from "imggo-webhooks/processor/table";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { canonical, contextOf } from "../support/processor-input.ts";
import { nested, sampleJob } from "../support/wire.ts";

interface Sent {
  readonly job?: string;
  readonly id?: string;
  readonly at?: string;
}
async function send(
  processor: Processor,
  result: unknown,
  { job = "j-1", id = "evt_1", at = sampleJob.timestamp }: Sent = {},
): Promise<void> {
  const wire = nested.succeeded({ ...sampleJob, job_id: job, timestamp: at, result });
  await processor(canonical(wire), contextOf(id));
}

type Rows = readonly Readonly<Record<string, unknown>>[];
/** A database as a test sees it. */
interface Place {
  readonly client: Parameters<typeof table>[0];
  readonly query: (sql: string) => Promise<Rows>;
  /** What it makes of a boolean, a list and a number in a column. */
  readonly shown: (value: unknown) => unknown;
}

let server: PostgresServer;
let pool: pg.Pool;
let sql: postgres.Sql;
const sqlite = new DatabaseSync(":memory:");
beforeAll(async () => {
  server = await startPostgres({ fsync: false });
  pool = new pg.Pool({ connectionString: server.url, max: 6 });
  sql = postgres(server.url, { max: 6, onnotice: () => {} });
});
afterAll(async () => {
  sqlite.close();
  await pool.end();
  await sql.end();
  await server.dispose();
});

const inPostgres = async (text: string): Promise<Rows> => (await pool.query(text)).rows;
const numeric = (value: unknown) => typeof value === "number" ? String(value) : value;
const places: Readonly<Record<string, () => Place>> = {
  "SQLite": () => ({
    client: sqlite,
    query: async (text) => await Promise.resolve(sqlite.prepare(text).all() as Rows),
    shown: (value) =>
      typeof value === "boolean"
        ? Number(value)
        : typeof value === "object" && value !== null
        ? JSON.stringify(value)
        : value,
  }),
  "PostgreSQL by pg": () => ({ client: pool, query: inPostgres, shown: numeric }),
  "PostgreSQL by postgres": () => ({ client: sql, query: inPostgres, shown: numeric }),
};

let tables = 0;
describe.each(Object.keys(places))("table() in %s", (place) => {
  const open = () => {
    const name = `results ${++tables} "; DROP TABLE x; --`;
    const { client, query, shown } = places[place]?.() as Place;
    const quoted = `"${name.replaceAll('"', '""')}"`;
    return {
      processor: table(client, name),
      again: () => table(client, name),
      query,
      quoted,
      shown,
      rows: async (columns = "*") =>
        await query(
          `SELECT ${columns} FROM ${quoted} ORDER BY job_id COLLATE "${
            place === "SQLite" ? "BINARY" : "C"
          }"`,
        ),
    };
  };

  test("keeps a row for each job and a column for each field, whatever they are called", async () => {
    const { processor, rows, shown } = open();
    const odd = '"); DROP TABLE results; --';
    await send(processor, { total: 12.5, paid: true, lines: [{ sku: "a" }], [odd]: "x" });
    await send(processor, { total: -1, note: "Käse" }, { job: "j-2", id: "evt_2" });
    const [one, two, ...more] = await rows();
    expect(more).toEqual([]);
    expect(one).toMatchObject({
      job_id: "j-1",
      pattern_id: "pat_invoices",
      event_id: "evt_1",
      total: shown(12.5),
      paid: shown(true),
      lines: shown([{ sku: "a" }]),
      [odd]: "x",
      note: null,
    });
    expect(new Date(one?.["ended_at"] as string)).toEqual(new Date(sampleJob.timestamp));
    expect(two).toMatchObject({ job_id: "j-2", total: shown(-1), note: "Käse", paid: null });
  });

  test("changes nothing when it runs again", async () => {
    const { processor, again, rows } = open();
    await send(processor, { total: 1 });
    const before = await rows();
    await send(processor, { total: 1 });
    await send(again(), { total: 1 });
    expect(await rows()).toEqual(before);
  });

  test("keeps the later result of a job, whichever comes first, and empties what it lacks", async () => {
    const { processor, rows, shown } = open();
    const early = { at: "2026-01-15T10:00:00Z", id: "evt_2" };
    const late = { at: "2026-01-15T12:30:00+01:00", id: "evt_1" };
    for (const job of ["j-1", "j-2"]) {
      const sent = [
        () => send(processor, { total: 1, old: "x" }, { ...early, job }),
        () => send(processor, { total: 2, new: "y" }, { ...late, job }),
      ];
      for (const each of job === "j-1" ? sent : sent.reverse()) await each();
    }
    const row = { total: shown(2), new: "y", event_id: "evt_1" };
    expect(await rows('total, "new", event_id')).toEqual([row, row]);
    expect(await rows("old")).toEqual([{ old: null }, { old: null }]);
    await send(processor, { total: 3 }, { ...late, id: "evt_0" });
    expect(await rows("total")).toEqual([{ total: shown(2) }, { total: shown(2) }]);
    await send(processor, { total: 4 }, { ...late, id: "evt_3" });
    expect(await rows("total")).toEqual([{ total: shown(4) }, { total: shown(2) }]);
  });

  test("empties no column of somebody else", async () => {
    const { processor, query, quoted, rows } = open();
    await send(processor, { total: 1 });
    await query(`ALTER TABLE ${quoted} ADD COLUMN reviewed_by text`);
    await query(`UPDATE ${quoted} SET reviewed_by = 'me'`);
    await send(processor, { other: 1 }, { id: "evt_2" });
    expect(await rows("reviewed_by, total")).toEqual([{ reviewed_by: "me", total: null }]);
  });

  test("takes another type in a column, and keeps what was there", async () => {
    const { processor, rows } = open();
    const results = [
      { total: 1, paid: true, note: null },
      { total: "about 2", paid: { at: "noon" }, note: "null" },
      { total: 3, paid: false, note: [1] },
    ];
    for (const [index, result] of results.entries()) {
      await send(processor, result, { job: `j-${index}`, id: `evt_${index}` });
    }
    const kept = await rows("total, paid, note");
    const text = (value: unknown) => typeof value === "string" ? value : JSON.stringify(value);
    expect(kept.map(({ total }) => String(total))).toEqual(["1", "about 2", "3"]);
    expect(kept.map(({ paid }) => text(paid).replace(/^1$/, "true").replace(/^0$/, "false")))
      .toEqual(["true", '{"at":"noon"}', "false"]);
    expect(kept.map(({ note }) => note === null ? null : text(note))).toEqual([null, null, "[1]"]);
  });

  test("keeps whole, beside the columns, what no column can hold", async () => {
    const { processor, rows } = open();
    const long = "ä".repeat(32);
    const results = [
      { job_id: "mine", Result: 1, Total: 1, total: 2, [long]: 3, "": 4, "a\nb": 5 },
      [1, 2],
      null,
      "text \0 \ud800 \\u0000",
    ];
    for (const [index, result] of results.entries()) {
      await send(processor, result, { job: `j-${index}` });
    }
    const [first, ...others] = await rows();
    expect(Object.keys(first ?? {})).toEqual(
      ["job_id", "pattern_id", "event_id", "ended_at", "result", "Total"],
    );
    expect(first).toMatchObject({ job_id: "j-0" });
    expect(String(first?.["Total"])).toBe("1");
    const parsed = [first, ...others].map((row) => {
      const result = row?.["result"];
      return place === "SQLite" ? JSON.parse(String(result)) : result;
    });
    expect(parsed.slice(0, 3)).toEqual(results.slice(0, 3));
    expect(parsed[3]).toBe(
      place === "SQLite" ? results[3] : "text \ufffd \ufffd \\u0000",
    );
  });

  test("adds columns until there are too many", async () => {
    const { processor, rows } = open();
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`f${index}`, 1]));
    await send(processor, many);
    const [row] = await rows();
    expect(Object.keys(row ?? {})).toHaveLength(250);
  });

  test("keeps what comes at once", async () => {
    const { processor, again, rows, shown } = open();
    const both = [processor, again()];
    await Promise.all(
      Array.from(
        { length: 24 },
        (_, index) =>
          send(both[index % 2] as Processor, { total: index, [`f${index % 5}`]: index }, {
            job: `j-${index % 3}`,
            id: `evt_${String(index).padStart(2, "0")}`,
          }),
      ),
    );
    const kept = await rows("job_id, event_id, total, f1");
    expect(kept).toEqual([21, 22, 23].map((total, job) => ({
      job_id: `j-${job}`,
      event_id: `evt_${total}`,
      total: shown(total),
      f1: total % 5 === 1 ? shown(total) : null,
    })));
  });

  test("makes the table again where it was dropped, and does nothing about a failure", async () => {
    const { processor, query, quoted, rows } = open();
    await send(processor, { total: 1 });
    await query(`DROP TABLE ${quoted}`);
    await send(processor, { total: 1 }).catch(() => {});
    await send(processor, { total: 1 });
    await processor(canonical(nested.failed({ ...sampleJob, job_id: "j-2" })), contextOf("evt_2"));
    expect(await rows("job_id")).toEqual([{ job_id: "j-1" }]);
  });
});

test("table() in PostgreSQL keeps to the types that columns have, and repeats no value", async () => {
  await pool.query(
    "CREATE TABLE chosen (job_id text PRIMARY KEY, pattern_id text, event_id text NOT NULL, " +
      "ended_at timestamptz NOT NULL, result jsonb NOT NULL, day date, twice numeric " +
      "GENERATED ALWAYS AS (2) STORED)",
  );
  const processor = table(pool, "chosen");
  await send(processor, { day: "2026-01-31", twice: 7 });
  expect((await pool.query("SELECT day::text, twice FROM chosen")).rows)
    .toEqual([{ day: "2026-01-31", twice: "2" }]);
  const error = await send(processor, { day: "canary" }, { job: "j-2" }).catch((error) => error);
  expect(error).toMatchObject({
    name: "PermanentError",
    message: "The table does not take a value of the result (22007).",
  });
});

test("table() in PostgreSQL sees the row that somebody else commits while it adds its own", async () => {
  const processor = table(pool, "raced");
  await send(processor, { total: 0 }, { job: "j-0" });
  const other = await pool.connect();
  try {
    await other.query("BEGIN");
    await other.query(
      "INSERT INTO raced VALUES ('j-1', NULL, 'evt_9', '2030-01-01', '{\"total\":9}', 9)",
    );
    const sent = send(processor, { total: 1 });
    const waits =
      "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%raced%'";
    while ((await pool.query(waits)).rowCount === 0);
    await other.query("COMMIT");
    await sent;
  } finally {
    other.release();
  }
  expect((await pool.query("SELECT event_id, total FROM raced WHERE job_id = 'j-1'")).rows)
    .toEqual([{ event_id: "evt_9", total: "9" }]);
});

test("table() in SQLite leaves generated columns alone", async () => {
  const database = new DatabaseSync(":memory:");
  database.exec(
    "CREATE TABLE results (job_id TEXT PRIMARY KEY, pattern_id, event_id, ended_at, result, " +
      "twice AS (json_extract(result, '$.total') * 2))",
  );
  await send(table(database, "results"), { total: 4, twice: 1 });
  expect(database.prepare("SELECT total, twice FROM results").get()).toEqual({
    total: 4,
    twice: 8,
  });
  database.close();
});

test("table() in SQLite undoes what failed halfway, and can be used again", async () => {
  const database = new DatabaseSync(":memory:");
  database.exec(
    "CREATE TABLE results (job_id TEXT PRIMARY KEY CHECK (job_id <> 'bad'), pattern_id, event_id, ended_at, result)",
  );
  const processor = table(database, "results");
  await expect(send(processor, { total: 1 }, { job: "bad" })).rejects.toThrow("CHECK");
  await send(processor, { other: 1 });
  expect(database.prepare("SELECT * FROM results").all()).toHaveLength(1);
  expect(Object.keys(database.prepare("SELECT * FROM results").get() ?? {})).not.toContain("total");
  database.close();
});

test("table() refuses what is no client, and what is no name", () => {
  expect(() => table({} as never, "results")).toThrow("table() expects a SQLite database");
  for (const name of ["", "x".repeat(64), "a\0"]) {
    expect(() => table(sqlite, name)).toThrow("table() expects a name of 1 to 63 bytes");
  }
});
