import type { DeliveryState, EventOrigin, EventState, StoredEvent } from "../storage.ts";
import { milliseconds } from "./values.ts";

/** An event without its body. */
export interface EventRow {
  readonly seq: number;
  readonly id: string;
  readonly key: string;
  readonly state: EventState;
  readonly origin: EventOrigin;
  readonly event: string | null;
  readonly job_id: string | null;
  readonly pattern_id: string | null;
  readonly received_at: number;
  readonly size: number;
  readonly duplicates: number;
  /** A list of {@linkcode DeliveryJson}, as JSON. */
  readonly deliveries: string;
}

/** A delivery, as it stands in {@linkcode EventRow}. */
interface DeliveryJson {
  readonly processor: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly dueAt: number | null;
  readonly endedAt: number | null;
  readonly lastError: string | null;
}

/** The states of deliveries, each at its number. */
export const deliveryStates: readonly DeliveryState[] = ["pending", "running", "succeeded", "dead"];

/**
 * Selects an {@linkcode EventRow} for each event, which is `e`: what stands behind `SELECT`, up to
 * `WHERE`.
 *
 * @param events Which: a table or a list of that form.
 */
export function describedEvent(schema: string, events: string): string {
  const time = milliseconds("d.due_at");
  const names = deliveryStates.map((name) => `'${name}'`).join(", ");
  return `e.seq::float8 AS seq, e.id, e.key, e.state, e.origin, e.event, e.job_id, e.pattern_id,
      ${milliseconds("e.received_at")} AS received_at, length(e.body)::float8 AS size,
      coalesce(k.duplicates, 0)::float8 AS duplicates,
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
export function describeEvent(row: EventRow): StoredEvent {
  return {
    id: row.id,
    key: row.key,
    state: row.state,
    origin: row.origin,
    event: row.event,
    jobId: row.job_id,
    patternId: row.pattern_id,
    receivedAt: row.received_at,
    size: row.size,
    duplicates: row.duplicates,
    deliveries: JSON.parse(row.deliveries) as DeliveryJson[],
  };
}
