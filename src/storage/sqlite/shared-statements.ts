import { historyWith } from "./attempt-statements.ts";

/** The column of an event's trace. */
export const traceOfEvent: string =
  "(SELECT trace_parent FROM traces WHERE event_seq = events.seq) AS trace_parent";

/** Events without their bodies, as {@linkcode EventRow} says. */
export const describedEvent: string =
  `SELECT seq, id, events.key, state, coalesce(origin, 'webhook') AS origin,
  event, job_id, pattern_id, received_at, length(body) AS size,
  coalesce(duplicates, 0) AS duplicates, ${traceOfEvent}
  FROM events LEFT JOIN keys ON keys.key = events.key`;

/** The statements that are right on D1 too, by name. In `state`, 0 to 3 are as the schema says. */
export const sharedStatements = {
  compareEvent: "SELECT state, body = ? AS identical FROM events WHERE id = ?",
  renew: `UPDATE deliveries SET due_at = ?
    WHERE event_seq = ? AND processor = ? AND fence = ? AND state = 1`,
  settle: `UPDATE deliveries SET state = ?1, due_at = ?2,
    attempts = attempts - ?3, last_error = coalesce(?4, last_error),
    history = ${historyWith("?5 <> 'succeeded'", "?6", "?5", "json(?7)")}
    WHERE event_seq = ?8 AND processor = ?9 AND fence = ?10 AND state = 1`,
  event: `${describedEvent} WHERE id = ?`,
  page: `${describedEvent}
    WHERE seq < ? ORDER BY seq DESC LIMIT ?`,
  deliveries: `SELECT processor, state, attempts, due_at, last_error FROM deliveries
    WHERE event_seq = ? ORDER BY processor`,
  body: "SELECT body FROM events WHERE id = ?",
  forgetKeys: "DELETE FROM keys WHERE expires_at <= ?",
  prunable: `SELECT seq FROM events WHERE +received_at < ? AND state <> 'quarantined'
    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event_seq = seq AND deliveries.state <> 2)
    ORDER BY seq LIMIT ?`,
  ping: "SELECT count(*) FROM (SELECT 1 FROM events LIMIT 1)",
};
