import { historyWithLost } from "../sqlite/attempt-statements.ts";
import {
  endsOfJob,
  sharedStatements as shared,
  traceOfEvent,
} from "../sqlite/shared-statements.ts";
import { bodyColumns } from "./body.ts";

// D1 has no transaction that waits for an answer between two statements, so each says by itself
// when it applies. Those that are right as the SQLite storage has them are used as they are; in
// templates, whose type needs no inference.

const succeeded = endsOfJob("?5", "'job.succeeded'");
const failed = endsOfJob("?1", "'job.failed'");

/** The same statement, of an event's id. */
export const byEventId = (sql: string): string =>
  sql.replace(/event_seq = (\?\d*)/, "event_seq = (SELECT seq FROM events WHERE id = $1)");

/** Deliveries of a list of `[event_seq, processor, fence]`, if they are still due and unclaimed. */
const stillDue = `(event_seq, processor, fence) IN
    (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))
  AND state < 2 AND due_at <= ?2`;
const eventIs = (state: string) =>
  `EXISTS (SELECT 1 FROM events WHERE seq = event_seq AND events.state = '${state}')`;

/**
 * What receiving and working through what came takes, by name. In `state`, 0 to 3 are as the schema
 * says.
 */
export const receivingStatements = {
  addKey: `INSERT INTO keys (key, event_id, origin) VALUES (?, ?, ?) ON CONFLICT (key)
    DO UPDATE SET duplicates = duplicates + (event_id <> excluded.event_id) RETURNING event_id`,
  // Only of the event that has just got its key: not of a duplicate, nor of a call made again, also
  // when the event was pruned meanwhile.
  addEvent: `INSERT INTO events (key, id, state, event, job_id, pattern_id, received_at, body)
    SELECT ?1, ?2,
      CASE WHEN ?3 = 'accepted' AND ?4 = 'job.failed'
        AND EXISTS (${succeeded}) THEN 'superseded' ELSE ?3 END,
      ?4, ?5, ?6, ?7, CAST(?8 AS BLOB)
    FROM keys WHERE key = ?1 AND event_id = ?2 AND expires_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = ?2 AND events.key = ?1)
    RETURNING state`,
  addTrace: `INSERT INTO traces (event_seq, trace_parent)
    SELECT seq, ?2 FROM events WHERE id = ?1 ON CONFLICT DO NOTHING`,
  addDeliveries: `INSERT INTO deliveries (event_seq, processor, due_at)
    SELECT seq, value, ?3 FROM events CROSS JOIN json_each(?2)
    WHERE events.id = ?1 AND state = 'accepted' ON CONFLICT DO NOTHING`,
  supersede: `UPDATE events SET state = 'superseded' WHERE seq IN (${failed})
    AND state = 'accepted' AND EXISTS (SELECT 1 FROM events AS stored WHERE stored.id = ?2)`,
  withdrawFailed: `DELETE FROM deliveries WHERE state IN (0, 3)
    AND event_seq IN (${failed}) AND ${eventIs("superseded")}`,
  compareEvent: `${shared.compareEvent.replace("?", "CAST(? AS BLOB)")}`,
  due: `SELECT event_seq, processor, attempts, fence, events.state, length(body) AS size
    FROM deliveries CROSS JOIN events ON seq = event_seq
    WHERE processor = ? AND deliveries.state < 2 AND due_at <= ?
    ORDER BY due_at, event_seq LIMIT ?`,
  claim: `UPDATE deliveries SET state = 1, attempts = attempts + 1, fence = fence + 1,
    due_at = ?3, started_at = ?2, history = ${historyWithLost}
    WHERE ${stillDue} AND ${eventIs("accepted")}
    RETURNING event_seq, processor, attempts, fence`,
  exhaust: `UPDATE deliveries SET state = 3, due_at = ?2, last_error = ?3,
    history = ${historyWithLost}
    WHERE ${stillDue} AND ${eventIs("accepted")}
    RETURNING (SELECT id FROM events WHERE seq = event_seq) AS id, processor, fence`,
  withdrawDue: `DELETE FROM deliveries WHERE ${stillDue} AND ${eventIs("superseded")}`,
  claimedEvents: `SELECT seq, id, received_at, ${traceOfEvent}, ${bodyColumns} FROM events
    WHERE seq IN (SELECT value FROM json_each(?1)) AND EXISTS (SELECT 1 FROM deliveries
      WHERE event_seq = seq AND deliveries.state = 1 AND due_at = ?2)`,
  renew: `${byEventId(shared.renew)} RETURNING fence`,
  settle: `${byEventId(shared.settle)} RETURNING fence`,
  withdrawSettled: `DELETE FROM deliveries WHERE state IN (0, 3)
    AND event_seq = (SELECT seq FROM events WHERE id = ? AND events.state = 'superseded')`,
  fulfil: `${shared.fulfil}`,
  body: `${shared.body}`,
  ping: `${shared.ping}`,
};
