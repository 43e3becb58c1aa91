import { activityStatements } from "../sqlite/activity-statements.ts";
import {
  attemptStatements,
  historyWithLost,
  historyWithSuccess,
} from "../sqlite/attempt-statements.ts";
import { deadStatements } from "../sqlite/dead-statements.ts";
import { expectationStatements } from "../sqlite/expectation-statements.ts";
import {
  aheadStatements,
  deliveriesOfFilteredPages,
  filteredPages,
  type Source,
} from "../sqlite/list-statements.ts";
import { rejectionStatements } from "../sqlite/rejection-statements.ts";
import { sharedStatements as shared, traceOfEvent } from "../sqlite/shared-statements.ts";
import { statsStatement } from "../sqlite/stats.ts";
import { bodyColumns } from "./body.ts";

// D1 has no transaction that waits for an answer between two statements, so each says by itself
// when it applies. Those that are right as the SQLite storage has them are used as they are; in
// templates, whose type needs no inference.

const succeeded = "job_id = ?5 AND event = 'job.succeeded' AND state IN ('accepted', 'superseded')";
const failed = "job_id = ? AND event = 'job.failed' AND state IN ('accepted', 'superseded')";

const byEventId = (sql: string) =>
  sql.replace(/event_seq = (\?\d*)/, "event_seq = (SELECT seq FROM events WHERE id = $1)");

/** Deliveries of a list of `[event_seq, processor, fence]`, if they are still due and unclaimed. */
const stillDue = `(event_seq, processor, fence) IN
    (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))
  AND state < 2 AND due_at <= ?2`;
const eventIs = (state: string) =>
  `EXISTS (SELECT 1 FROM events WHERE seq = event_seq AND events.state = '${state}')`;

const ownStatements = {
  addKey: `INSERT INTO keys (key, event_id, origin) VALUES (?, ?, ?) ON CONFLICT (key)
    DO UPDATE SET duplicates = duplicates + (event_id <> excluded.event_id) RETURNING event_id`,
  // Only of the event that has just got its key: not of a duplicate, nor of a call made again, also
  // when the event was pruned meanwhile.
  addEvent: `INSERT INTO events (key, id, state, event, job_id, pattern_id, received_at, body)
    SELECT ?1, ?2,
      CASE WHEN ?3 = 'accepted' AND ?4 = 'job.failed'
        AND EXISTS (SELECT 1 FROM events WHERE ${succeeded}) THEN 'superseded' ELSE ?3 END,
      ?4, ?5, ?6, ?7, CAST(?8 AS BLOB)
    FROM keys WHERE key = ?1 AND event_id = ?2 AND expires_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM events WHERE events.id = ?2 AND events.key = ?1)
    RETURNING state`,
  addTrace: `INSERT INTO traces (event_seq, trace_parent)
    SELECT seq, ?2 FROM events WHERE id = ?1 ON CONFLICT DO NOTHING`,
  addDeliveries: `INSERT INTO deliveries (event_seq, processor, due_at)
    SELECT seq, value, ?3 FROM events CROSS JOIN json_each(?2)
    WHERE events.id = ?1 AND state = 'accepted' ON CONFLICT DO NOTHING`,
  supersede: `UPDATE events SET state = 'superseded' WHERE ${failed} AND state = 'accepted'
    AND EXISTS (SELECT 1 FROM events AS stored WHERE stored.id = ?)`,
  withdrawFailed: `DELETE FROM deliveries WHERE state IN (0, 3)
    AND event_seq IN (SELECT seq FROM events WHERE ${failed} AND state = 'superseded')`,
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
  event: `${shared.event}`,
  deliveriesOfEvent: `${byEventId(shared.deliveries)}`,
  page: `${shared.page}`,
  deliveriesOfPage: `SELECT event_seq, processor, state, attempts, due_at, last_error
    FROM deliveries WHERE event_seq IN (SELECT seq FROM events WHERE seq < ? ORDER BY seq DESC
      LIMIT ?) ORDER BY event_seq, processor`,
  textOfBody: `SELECT ${bodyColumns} FROM events WHERE id = ?`,
  body: `${shared.body}`,
  forgetKeys: `${shared.forgetKeys}`,
  // What is prunable stays so, and the first of it the same, while its deliveries are deleted.
  expireKeys: `UPDATE keys SET expires_at = ?3
    WHERE key IN (SELECT key FROM events WHERE seq IN (${prunable()}))`,
  deleteTraces: `DELETE FROM traces WHERE event_seq IN (${prunable()})`,
  deleteDeliveries: `DELETE FROM deliveries WHERE event_seq IN (${prunable()})`,
  deleteEvents: `DELETE FROM events WHERE seq IN (${prunable()}) RETURNING seq`,
  redeliver: `INSERT INTO deliveries (event_seq, processor, due_at)
    SELECT seq, value, ?3 FROM events CROSS JOIN json_each(?2)
    WHERE events.id = ?1 AND state = 'accepted'
    ON CONFLICT DO UPDATE SET state = 0, attempts = 0, due_at = excluded.due_at,
      history = ${historyWithSuccess}
    WHERE deliveries.state > 1 RETURNING processor`,
  textOfRejection: `SELECT ${bodyColumns} FROM rejections WHERE id = ?`,
  stats: `${statsStatement}`,
  ping: `${shared.ping}`,
};

type OwnName = keyof typeof ownStatements;
type SharedName =
  | keyof typeof activityStatements
  | keyof typeof aheadStatements
  | keyof typeof attemptStatements
  | keyof typeof deadStatements
  | keyof typeof expectationStatements
  | keyof typeof rejectionStatements;

/** The name of a statement. */
export type D1StatementName = OwnName | SharedName | Source | `${Source}Deliveries`;

/** Every statement of the storage, by name. In `state`, 0 to 3 are as the schema says. */
export const d1Statements: Readonly<Record<D1StatementName, string>> = {
  ...ownStatements,
  ...activityStatements,
  ...aheadStatements,
  ...attemptStatements,
  ...deadStatements,
  ...expectationStatements,
  ...rejectionStatements,
  ...filteredPages,
  ...deliveriesOfFilteredPages,
};

function prunable(): string {
  return shared.prunable.replace("?", "?1").replace("LIMIT ?", "LIMIT ?2");
}
