import { historyWith } from "./attempt-statements.ts";

/** The column of an event's trace. */
export const traceOfEvent: string =
  "(SELECT trace_parent FROM traces WHERE event_seq = events.seq) AS trace_parent";

const isEnd = "state IN ('accepted', 'superseded')";
// Those of a job by default. What has another one is in the index `events_job`.
const defaultKeys = (job: string) => `('job.succeeded:' || ${job}, 'job.failed:' || ${job})`;

/** The numbers of a job's stored ends. */
export const endsOfJob = (job: string): string =>
  `SELECT seq FROM events WHERE id IN (SELECT event_id FROM keys WHERE key IN ${defaultKeys(job)})
    AND job_id = ${job} AND ${isEnd}
  UNION ALL SELECT seq FROM events
    WHERE job_id = ${job} AND ${isEnd} AND key NOT IN ${defaultKeys("job_id")}`;

/**
 * The statements of an event's way that are right on D1 too, by name. In `state`, 0 to 3 are as the
 * schema says.
 */
export const sharedStatements = {
  compareEvent: "SELECT state, body = ? AS identical FROM events WHERE id = ?",
  renew: `UPDATE deliveries SET due_at = ?
    WHERE event_seq = ? AND processor = ? AND fence = ? AND state = 1`,
  settle: `UPDATE deliveries SET state = ?1, due_at = ?2,
    attempts = attempts - ?3, last_error = coalesce(?4, last_error),
    history = ${historyWith("?5 <> 'succeeded'", "?6", "?5", "json(?7)")}
    WHERE event_seq = ?8 AND processor = ?9 AND fence = ?10 AND state = 1`,
  fulfil: "DELETE FROM expectations WHERE job_id = ?",
  body: "SELECT body FROM events WHERE id = ?",
  ping: "SELECT count(*) FROM (SELECT 1 FROM events LIMIT 1)",
};
