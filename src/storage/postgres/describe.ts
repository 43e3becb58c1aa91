import { deliveryStates, eventOf, type EventRow } from "../sql-rows.ts";
import type { Delivery, StoredEvent } from "../storage.ts";
import { milliseconds } from "./values.ts";

/** An event without its body, and with its deliveries. */
export interface DescribedRow extends EventRow {
  /** A list of {@linkcode Delivery}, as JSON. */
  readonly deliveries: string;
}

/**
 * Selects a {@linkcode DescribedRow} for each event, which is `e`: what stands behind `SELECT`, up to
 * `WHERE`.
 *
 * @param events Which: a table or a list of that form.
 */
export function describedEvent(schema: string, events: string): string {
  const time = milliseconds("d.due_at");
  const names = deliveryStates.map((name) => `'${name}'`).join(", ");
  return `e.seq::float8 AS seq, e.id, e.key, e.state, e.origin, e.event, e.job_id, e.pattern_id,
      ${milliseconds("e.received_at")} AS received_at, length(e.body)::float8 AS size,
      coalesce(k.duplicates, 0)::float8 AS duplicates, e.trace_parent,
      (SELECT coalesce(json_agg(json_build_object(
          'processor', d.processor,
          'state', (ARRAY[${names}])[d.state + 1],
          'attempts', d.attempts,
          'dueAt', CASE WHEN d.state < 2 THEN ${time} END,
          'endedAt', CASE WHEN d.state >= 2 THEN ${time} END,
          'lastError', d.last_error
        ) ORDER BY d.processor), '[]')::text
        FROM ${schema}.deliveries d WHERE d.event_seq = e.seq) AS deliveries
    FROM ${events} e LEFT JOIN ${schema}.keys k ON k.digest = ${schema}.digest_of(e.key)`;
}

/** The event that a row tells of. */
export function describeEvent(row: DescribedRow): StoredEvent {
  return eventOf(row, JSON.parse(row.deliveries) as Delivery[]);
}
