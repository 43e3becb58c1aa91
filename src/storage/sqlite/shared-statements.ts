import { historyWith } from "./attempt-statements.ts";

/** The column of an event's trace. */
export const traceOfEvent: string =
  "(SELECT trace_parent FROM traces WHERE event_seq = events.seq) AS trace_parent";

const isEndOf = (job: string) => `job_id = ${job} AND state IN ('accepted', 'superseded')`;

// Ends are found by their default keys. Those with another one, or another name, are in `events_job`.
const byKey = (job: string, event: string) =>
  `SELECT seq FROM keys CROSS JOIN events ON events.id = event_id
    WHERE keys.key = ${event} || ':' || ${job} AND event = ${event} AND ${isEndOf(job)}`;
const byIndex = (job: string) =>
  `SELECT seq FROM events WHERE ${isEndOf(job)}
    AND (key <> event || ':' || job_id OR event NOT IN ('job.succeeded', 'job.failed'))`;

/** The numbers of a job's stored ends of one of the two names. Both parameters are SQL. */
export const endsOfJob = (job: string, event: string): string =>
  `${byKey(job, event)} UNION ALL ${byIndex(job)} AND event = ${event}`;

/** Those of any name. */
export const anyEndsOfJob = (job: string): string =>
  [byKey(job, "'job.succeeded'"), byKey(job, "'job.failed'"), byIndex(job)].join(" UNION ALL ");

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
