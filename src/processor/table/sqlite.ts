import { eventJson } from "../event-json.ts";
import { changeOf, isLater, type Known, ownColumns, quoted, type Row } from "./row.ts";

/** A SQLite database: `DatabaseSync` of `node:sqlite`, `Database` of `bun:sqlite`, or like them. */
export interface SqliteDatabase {
  /** Runs statements that have no values. */
  exec(sql: string): unknown;
  /** Makes one that gives all rows, or runs. */
  prepare(sql: string): {
    // deno-lint-ignore no-explicit-any -- each client has narrower types of its own
    all(...values: any[]): unknown[];
    // deno-lint-ignore no-explicit-any -- each client has narrower types of its own
    run(...values: any[]): unknown;
  };
}

/** Stores a row, all of it or nothing. Columns have no type: each value keeps its own. */
export function storeInSqlite(database: SqliteDatabase, name: string, row: Row): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    store(database, name, row);
    database.exec("COMMIT");
  } catch (error) {
    try {
      database.exec("ROLLBACK");
    } catch {
      // SQLite ends a transaction by itself where it has no choice.
    }
    throw error;
  }
}

function store(database: SqliteDatabase, name: string, row: Row): void {
  const table = quoted(name);
  database.exec(
    `CREATE TABLE IF NOT EXISTS ${table} (job_id TEXT NOT NULL PRIMARY KEY, pattern_id TEXT, ` +
      "event_id TEXT NOT NULL, ended_at TEXT NOT NULL, result TEXT NOT NULL)",
  );
  const known = knownOf(database, table, row.jobId);
  if (known !== undefined && !isLater(row, known)) return;
  const info = "SELECT name, hidden <> 0 AS generated FROM pragma_table_xinfo(?)";
  const columns = (database.prepare(info).all(name) as {
    readonly name: string;
    readonly generated: number;
  }[]).map(({ name, generated }) => ({ name, generated: generated === 1 }));
  const { set, added } = changeOf(row.result, columns, known);
  for (const { column } of added) {
    database.exec(`ALTER TABLE ${table} ADD COLUMN ${quoted(column)}`);
  }
  const cells = [...set, ...added];
  const names = [...ownColumns, ...cells.map(({ column }) => quoted(column))];
  const updates = names.slice(1).map((each) => `${each} = excluded.${each}`);
  database.prepare(
    `INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")}) ` +
      `ON CONFLICT (job_id) DO UPDATE SET ${updates.join(", ")}`,
  ).run(
    row.jobId,
    row.patternId,
    row.eventId,
    new Date(row.endedAt).toISOString(),
    eventJson(row.result),
    ...cells.map(({ value }) => sqliteValue(value)),
  );
}

function knownOf(database: SqliteDatabase, table: string, jobId: string): Known | undefined {
  const sql = `SELECT event_id, ended_at, result FROM ${table} WHERE job_id = ?`;
  const [known] = database.prepare(sql).all(jobId) as {
    readonly event_id: string;
    readonly ended_at: string;
    readonly result: string;
  }[];
  return known && {
    eventId: known.event_id,
    endedAt: Date.parse(known.ended_at),
    result: JSON.parse(known.result),
  };
}

function sqliteValue(value: unknown): string | number | null {
  if (value === null || typeof value === "number" || typeof value === "string") return value;
  return typeof value === "boolean" ? Number(value) : eventJson(value);
}
