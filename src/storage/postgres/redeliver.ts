import type { DeadFilter, Storage } from "../storage.ts";
import type { Query } from "./client.ts";
import { oneRow } from "./one-row.ts";
import { storable, timeOf } from "./values.ts";

/** What is done to dead deliveries, by name. All take {@linkcode deadValues} first. */
export function deadStatements(
  schema: string,
  { error }: DeadFilter,
): Readonly<Record<"redrive" | "countDead", string>> {
  const deliveries = `${schema}.deliveries`;
  const ofError = error === undefined
    ? "$6::text IS NULL"
    : "hashtextextended(d.last_error, 0) = hashtextextended($6::text, 0) AND d.last_error = $6";
  // A subquery for each, rather than EXISTS or a join, which the planner may answer from all events.
  const dead = `FROM ${deliveries} d
        WHERE d.state = 3 AND ${ofError} AND ($1::text IS NULL OR d.processor = $1)
          AND d.due_at >= ${timeOf("$4")} AND d.due_at < ${timeOf("$5")}
          AND ($2::text IS NULL AND $3::text IS NULL OR (
            SELECT ($2::text IS NULL OR event = $2) AND ($3::text IS NULL OR pattern_id = $3)
            FROM ${schema}.events WHERE seq = d.event_seq
          ))`;
  return {
    // Passes over those that others are at: so none waits for another, and none is counted twice.
    redrive: `WITH dead AS MATERIALIZED (
        SELECT event_seq, processor ${dead}
        ORDER BY event_seq LIMIT $7::bigint FOR UPDATE SKIP LOCKED
      ), due AS (
        UPDATE ${deliveries} d SET state = 0, attempts = 0, due_at = clock_timestamp()
        FROM dead WHERE d.event_seq = dead.event_seq AND d.processor = dead.processor
        RETURNING 1
      )
      SELECT count(*)::float8 AS count FROM due`,

    countDead: `SELECT count(*)::float8 AS count ${dead}`,
  };
}

/** What the statements on dead deliveries take first. */
export function deadValues(filter: DeadFilter): readonly unknown[] {
  return [
    filter.processor ?? null,
    filter.event ?? null,
    filter.patternId ?? null,
    filter.deadAfter ?? -Infinity,
    filter.deadBefore ?? Infinity,
    filter.error === undefined ? null : storable(filter.error),
  ];
}

/**
 * Makes deliveries due again that have ended.
 *
 * @param notify Called when some are.
 */
export function createRedelivery(
  query: Query,
  schema: string,
  notify: () => void,
): Pick<Storage, "redeliver" | "redrive" | "countDead"> {
  const redeliver = `SELECT ${schema}.redeliver($1::text, $2::text::jsonb)::float8 AS count`;

  const count = async (statement: string, values: readonly unknown[]) =>
    oneRow(await query<{ count: number }>(statement, values)).count;
  const makeDue = async (statement: string, values: readonly unknown[]) => {
    const due = await count(statement, values);
    if (due > 0) notify();
    return due;
  };

  return {
    redeliver: (eventId, processors) => makeDue(redeliver, [eventId, JSON.stringify(processors)]),
    redrive: ({ limit, ...filter }) =>
      makeDue(deadStatements(schema, filter).redrive, [...deadValues(filter), limit]),
    countDead: (filter) => count(deadStatements(schema, filter).countDead, deadValues(filter)),
  };
}
