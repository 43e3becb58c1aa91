import { codeOf } from "../../storage/postgres/classify.ts";
import type { Database, Query } from "../../storage/postgres/client.ts";
import { eventJson } from "../event-json.ts";
import { PermanentError } from "../processor.ts";
import { type Cell, changeOf, isLater, type Known, ownColumns, quoted, type Row } from "./row.ts";

/** A column as the table has it. */
interface Column {
  readonly name: string;
  /** As SQL writes it: `numeric(10,2)`. */
  readonly type: string;
  /** Whether it has its value from the database alone. */
  readonly generated: boolean;
}

const ownTypes = ["text", "text", "text", "timestamptz", "jsonb"];

/** Makes what stores rows in a table, which it makes at the first one. */
export function postgresTable(database: Database, name: string): (row: Row) => Promise<void> {
  const table = quoted(name);
  let made: Promise<void> | undefined;
  return async (row) => {
    try {
      await (made ??= make(database, table));
      const stored = await database.transaction((query) => store(query, table, row, false));
      if (stored) return;
      await database.transaction((query) => store(query, table, row, true));
    } catch (error) {
      // The table may have been dropped.
      made = undefined;
      const code = codeOf(error);
      if (!/^2[23]/.test(code)) throw error;
      // PostgreSQL's own message repeats the value.
      throw new PermanentError(`The table does not take a value of the result (${code}).`);
    }
  };
}

async function make(database: Database, table: string): Promise<void> {
  await database.transaction(async (query) => {
    // Two that make a table at once would fail, `IF NOT EXISTS` or not.
    await query("SELECT pg_advisory_xact_lock(hashtext($1::text))::text", [table]);
    const [found] = await query<{ exists: boolean }>(
      "SELECT to_regclass($1::text) IS NOT NULL AS exists",
      [table],
    );
    if (found?.exists) return;
    await query(
      `CREATE TABLE ${table} (job_id text PRIMARY KEY, pattern_id text, event_id text NOT NULL, ` +
        "ended_at timestamptz NOT NULL, result jsonb NOT NULL)",
    );
  });
}

/**
 * Stores a row. False where that takes another column, or somebody was faster: then it is to be done
 * alone.
 */
async function store(query: Query, table: string, row: Row, alone: boolean): Promise<boolean> {
  // Whoever reads for long must not make everybody wait behind this.
  if (alone) await query("SET LOCAL lock_timeout = '5s'");
  await query(`LOCK TABLE ${table} IN ${alone ? "ACCESS" : "ROW"} EXCLUSIVE MODE`);
  const columns = await query<Column>(
    "SELECT attname::text AS name, format_type(atttypid, atttypmod) AS type, " +
      "attgenerated <> '' OR attidentity <> '' AS generated FROM pg_attribute " +
      "WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
    [table],
  );
  const known = await knownOf(query, table, row.jobId);
  if (known !== undefined && !isLater(row, known)) return true;

  const { set, added } = changeOf(row.result, columns, known);
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const grown = set.filter(({ column, value }) => !takes(types.get(column) ?? "", value));
  if (!alone && added.length + grown.length > 0) return false;
  for (const { column, value } of added) {
    const type = typeFor(value);
    await query(`ALTER TABLE ${table} ADD COLUMN ${quoted(column)} ${type}`);
    types.set(column, type);
  }
  for (const { column, value } of grown) {
    const name = quoted(column);
    const type = typeof value === "object" ? "jsonb" : "text";
    const using = type === "jsonb" ? `to_jsonb(${name})` : `${name}::text`;
    await query(`ALTER TABLE ${table} ALTER COLUMN ${name} TYPE ${type} USING ${using}`);
    types.set(column, type);
  }
  return await write(query, table, row, {
    cells: [...set, ...added],
    types,
    exists: known !== undefined,
  });
}

async function write(
  query: Query,
  table: string,
  row: Row,
  { cells, types, exists }: {
    readonly cells: readonly Cell[];
    readonly types: ReadonlyMap<string, string>;
    readonly exists: boolean;
  },
): Promise<boolean> {
  const typeOf = ({ column }: Cell) => types.get(column) ?? "text";
  const names = [...ownColumns, ...cells.map(({ column }) => quoted(column))];
  const values = [
    row.jobId,
    row.patternId,
    row.eventId,
    new Date(row.endedAt).toISOString(),
    jsonText(row.result),
    ...cells.map((cell) => textOf(cell.value, typeOf(cell))),
  ];
  // As text, so that no client takes a value for something else than the others do.
  const casts = [...ownTypes, ...cells.map(typeOf)]
    .map((type, index) => `$${index + 1}::text::${type}`);
  if (exists) {
    const updates = names.map((name, index) => `${name} = ${casts[index]}`);
    await query(`UPDATE ${table} SET ${updates.join(", ")} WHERE job_id = $1::text`, values);
    return true;
  }
  const inserted = await query(
    `INSERT INTO ${table} (${names.join(", ")}) VALUES (${casts.join(", ")}) ` +
      "ON CONFLICT (job_id) DO NOTHING RETURNING job_id",
    values,
  );
  return inserted.length === 1;
}

async function knownOf(query: Query, table: string, jobId: string): Promise<Known | undefined> {
  const [known] = await query<{ event_id: string; ended_ms: string; result: string }>(
    "SELECT event_id, floor(extract(epoch FROM ended_at) * 1000)::text AS ended_ms, " +
      `result::text AS result FROM ${table} WHERE job_id = $1::text FOR UPDATE`,
    [jobId],
  );
  return known && {
    eventId: known.event_id,
    endedAt: Number(known.ended_ms),
    result: JSON.parse(known.result),
  };
}

/** The type of a new column. */
function typeFor(value: unknown): string {
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "number") return "numeric";
  return typeof value === "string" ? "text" : "jsonb";
}

/** Whether a column need not grow for a value. Types that are not given here are somebody's choice. */
function takes(type: string, value: unknown): boolean {
  if (value === null) return true;
  if (type === "boolean") return typeof value === "boolean";
  return type !== "numeric" || typeof value === "number";
}

function textOf(value: unknown, type: string): string | null {
  if (value === null) return null;
  if (typeof value === "object" || type === "jsonb" || type === "json") return jsonText(value);
  // PostgreSQL keeps no NUL, and no character without a form in UTF-8.
  return String(value).replaceAll("\0", "\ufffd").toWellFormed();
}

/** JSON as `jsonb` takes it. An escape is one where it is not itself behind a backslash. */
function jsonText(value: unknown): string {
  return eventJson(value)
    .replace(/(\\\\)|\\u0000|\\ud[89a-f][\da-f]{2}/g, (_, backslash) => backslash ?? "\\ufffd");
}
