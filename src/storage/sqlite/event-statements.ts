import { traceOfEvent } from "./shared-statements.ts";

/** Events without their bodies, as {@linkcode EventRow} says. */
export const describedEvent: string =
  `SELECT seq, id, events.key, state, coalesce(origin, 'webhook') AS origin,
  event, job_id, pattern_id, received_at, length(body) AS size,
  coalesce(duplicates, 0) AS duplicates, ${traceOfEvent}
  FROM events LEFT JOIN keys ON keys.key = events.key`;

/** What looks at events and prunes them, right on D1 too, by name. */
export const eventStatements = {
  event: `${describedEvent} WHERE id = ?`,
  page: `${describedEvent}
    WHERE seq < ? ORDER BY seq DESC LIMIT ?`,
  deliveries: `SELECT processor, state, attempts, due_at, last_error FROM deliveries
    WHERE event_seq = ? ORDER BY processor`,
  forgetKeys: "DELETE FROM keys WHERE expires_at <= ?",
  prunable: `SELECT seq FROM events WHERE +received_at < ? AND state <> 'quarantined'
    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event_seq = seq AND deliveries.state <> 2)
    ORDER BY seq LIMIT ?`,
};
