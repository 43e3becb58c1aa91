import { isRecord } from "../../job-fields.ts";

/** What a row holds, before it is known which columns there are. */
export interface Row {
  readonly jobId: string;
  readonly patternId: string | null;
  readonly eventId: string;
  /** When the job ended, in milliseconds since 1970. */
  readonly endedAt: number;
  readonly result: unknown;
}

/** What a table says of the row that a job has already. */
export type Known = Pick<Row, "eventId" | "endedAt" | "result">;

/** A value for a column; null empties it. */
export interface Cell {
  readonly column: string;
  readonly value: unknown;
}

/** What is to be done to a row. */
export interface Change {
  /** Those of columns that there are. */
  readonly set: readonly Cell[];
  /** Those of columns that are to be added before. */
  readonly added: readonly Cell[];
}

/** A column that the table has. */
export interface KnownColumn {
  readonly name: string;
  /** Whether it has its value from the database alone. */
  readonly generated: boolean;
}

/** The columns that every row has. */
export const ownColumns: readonly string[] = [
  "job_id",
  "pattern_id",
  "event_id",
  "ended_at",
  "result",
];

// Less than any database takes; a result with names that are data would go on for ever.
const mostColumns = 250;

/**
 * Whether an event comes after that of the row, or is the same: by the end of the job, then by
 * receipt, whose order the ids of events have.
 */
export function isLater(row: Row, known: Known): boolean {
  if (row.endedAt !== known.endedAt) return row.endedAt > known.endedAt;
  return row.eventId >= known.eventId;
}

/**
 * The cells of a result's fields, and empty ones for the fields that only the result before had.
 *
 * @param columns Those of the table. Their case does not matter.
 */
export function changeOf(
  result: unknown,
  columns: readonly KnownColumn[],
  known: Known | undefined,
): Change {
  const byKey = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  const fields = fieldsOf(result);
  const set: Cell[] = [];
  const added: Cell[] = [];
  for (const [key, { column, value }] of fields) {
    const existing = byKey.get(key);
    if (existing?.generated === false) set.push({ column: existing.name, value });
    const hasRoom = columns.length + added.length < mostColumns;
    if (existing === undefined && value !== null && hasRoom) added.push({ column, value });
  }
  for (const key of fieldsOf(known?.result).keys()) {
    const existing = byKey.get(key);
    if (existing?.generated !== false || fields.has(key)) continue;
    set.push({ column: existing.name, value: null });
  }
  return { set, added };
}

/** The fields that can have a column, by its name in lower case. The first of two alike has it. */
function fieldsOf(result: unknown): Map<string, Cell> {
  const fields = new Map<string, Cell>();
  for (const [column, field] of Object.entries(isRecord(result) ? result : {})) {
    const key = column.toLowerCase();
    if (!isColumnName(column) || ownColumns.includes(key) || fields.has(key)) continue;
    // What is missing in an image often comes as this word.
    fields.set(key, { column, value: field === "null" ? null : field });
  }
  return fields;
}

/** Whether every database takes this name, and keeps it whole. */
export function isColumnName(name: string): boolean {
  const { length } = new TextEncoder().encode(name);
  return length >= 1 && length <= 63 && name.isWellFormed() && !/\p{Cc}/u.test(name);
}

/** A name as SQL has it, whatever is in it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
