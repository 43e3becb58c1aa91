import type { DeadFilter, Storage } from "../storage.ts";
import type { Query } from "./client.ts";
import { timeOf } from "./values.ts";

/** What makes deliveries due again, by name. Of dead ones they take {@linkcode deadValues} first. */
export function redeliverStatements(
  schema: string,
): Readonly<Record<"redeliver" | "redrive" | "countDead", string>> {
  const deliveries = `${schema}.deliveries`;
  // A subquery for each, rather than EXISTS or a join, which the planner may answer from all events.
  const dead = `FROM ${deliveries} d
        WHERE d.state = 3 AND ($1::text IS NULL OR d.processor = $1)
          AND d.due_at >= ${timeOf("$4")} AND d.due_at < ${timeOf("$5")}
          AND ($2::text IS NULL AND $3::text IS NULL OR (
            SELECT ($2::text IS NULL OR event = $2) AND ($3::text IS NULL OR pattern_id = $3)
            FROM ${schema}.events WHERE seq = d.event_seq
          ))`;
  return {
    redeliver: `SELECT ${schema}.redeliver($1::text, $2::text::jsonb)::float8 AS count`,

    // Passes over those that others are at: so none waits for another, and none is counted twice.
    redrive: `WITH dead AS MATERIALIZED (
        SELECT event_seq, processor ${dead}
        ORDER BY event_seq LIMIT $6::bigint FOR UPDATE SKIP LOCKED
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
  const statements = redeliverStatements(schema);

  const count = async (name: keyof typeof statements, values: readonly unknown[]) => {
    const [row] = await query<{ count: number }>(statements[name], values);
    return row?.count ?? 0;
  };
  const makeDue = async (name: "redeliver" | "redrive", values: readonly unknown[]) => {
    const due = await count(name, values);
    if (due > 0) notify();
    return due;
  };

  return {
    redeliver: (eventId, processors) => makeDue("redeliver", [eventId, JSON.stringify(processors)]),
    redrive: ({ limit, ...filter }) => makeDue("redrive", [...deadValues(filter), limit]),
    countDead: (filter) => count("countDead", deadValues(filter)),
  };
}
