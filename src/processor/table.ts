/**
 * A processor that keeps results in a table of a database, a row for each job.
 *
 * @module
 */
import { databaseOf, type PostgresClient } from "../storage/postgres/client.ts";
import type { Processor } from "./processor.ts";
import { postgresTable } from "./table/postgres.ts";
import { isColumnName, type Row } from "./table/row.ts";
import { type SqliteDatabase, storeInSqlite } from "./table/sqlite.ts";

export type {
  PgClient,
  PgPool,
  PostgresClient,
  PostgresSql,
  PostgresTransaction,
} from "../storage/postgres/client.ts";
export type { SqliteDatabase } from "./table/sqlite.ts";

/**
 * A processor that keeps each result in a table: a row for each job, a column for each field. The
 * table is made at the first result, a column when a field first has a value. Every row also has
 * `job_id`, `pattern_id`, `event_id`, `ended_at` and the whole `result` as JSON, in which is what no
 * column can hold: fields of those names, or of a name that is longer than 63 bytes.
 *
 * Running twice changes nothing. Of two results of one job the later stays, by when the job ended,
 * whichever comes first. A field that is missing, null or `"null"` is NULL. Of two fields that differ
 * in their case only, the first has the column.
 *
 * In PostgreSQL a column is `numeric`, `boolean`, `text` or, for lists and objects, `jsonb`; where a
 * later value does not fit a number or a boolean, the column becomes `text` or `jsonb`. Columns that
 * you made before, of any type, are used as they are: a value that one does not take makes the
 * delivery dead. In SQLite columns have no type, truth is 1 or 0, and lists and objects are JSON.
 *
 * @param client A SQLite database of its own (`new DatabaseSync(path)` of `node:sqlite`, `Database` of
 * `bun:sqlite`), what `postgres(url)` gives, or a `Pool` of `pg`. It stays the caller's.
 * @param name The table's name, whatever is in it. In PostgreSQL it is looked for, and made, in the
 * `search_path`.
 * @throws {TypeError} when the client is none of these, or the name is empty or too long.
 *
 * @example
 * ```ts
 * import { DatabaseSync } from "node:sqlite";
 * import { defineConfig } from "imggo-webhooks";
 * import { table } from "imggo-webhooks/processor/table";
 *
 * export default defineConfig({
 *   processors: { invoices: table(new DatabaseSync("./results.db"), "invoices") },
 * });
 * ```
 */
export function table(client: SqliteDatabase | PostgresClient, name: string): Processor {
  if (!isColumnName(name)) {
    throw new TypeError("table() expects a name of 1 to 63 bytes without control characters.");
  }
  const store = storeOf(client, name);
  return async (event, { id, signal }) => {
    if (event.event !== "job.succeeded") return;
    signal.throwIfAborted();
    const { job_id: jobId, pattern_id: patternId, result } = event.data;
    await store({ jobId, patternId, eventId: id, endedAt: Date.parse(event.timestamp), result });
  };
}

function storeOf(
  client: SqliteDatabase | PostgresClient,
  name: string,
): (row: Row) => Promise<void> | void {
  const { prepare, exec } = Object(client) as Partial<SqliteDatabase>;
  if (typeof prepare === "function" && typeof exec === "function") {
    return (row) => storeInSqlite(client as SqliteDatabase, name, row);
  }
  try {
    return postgresTable(databaseOf(client as PostgresClient), name);
  } catch (cause) {
    throw new TypeError(
      "table() expects a SQLite database (node:sqlite, bun:sqlite), what `postgres(url)` gives, or " +
        "`new Pool()` of the package `pg`.",
      { cause },
    );
  }
}
