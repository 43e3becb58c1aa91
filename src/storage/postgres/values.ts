/** A time as milliseconds since 1970. As float8, which every client gives as a number. */
export function milliseconds(time: string): string {
  return `round(extract(epoch FROM ${time}) * 1000)::float8`;
}

/** The time that a parameter gives in milliseconds since 1970. */
export function timeOf(parameter: string): string {
  return `to_timestamp(${parameter}::float8 / 1000)`;
}

/** The duration that a parameter gives in milliseconds. */
export function interval(parameter: string): string {
  return `${parameter}::float8 * interval '1 millisecond'`;
}

/**
 * A time cut to the millisecond: what is shown of it is all that is stored, so that whoever asks for
 * what is at or behind the time shown finds it.
 */
export function cut(time: string): string {
  return `date_trunc('milliseconds', ${time})`;
}

/** Text as PostgreSQL takes it: without NULs, and without halves of surrogate pairs. */
export function storable(text: string): string {
  return text.replaceAll("\0", "\ufffd").toWellFormed();
}

/**
 * Refuses what is no `seq` by which a list goes on, before the server does: whose refusal would pass
 * for one of the storage.
 */
export function checkPlace(cursor: string | undefined): void {
  if (cursor === undefined || /^\d{1,16}$/.test(cursor)) return;
  throw new RangeError("PostgreSQL: expected the cursor that a page before gave.");
}
