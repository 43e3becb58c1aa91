import type { StorageStats } from "../storage.ts";

// Each is counted on an index. The rare ones are counted, and the many are the rest.
const events = (state: string) =>
  `(SELECT count(*) FROM events WHERE state = '${state}' AND state <> 'accepted') AS ${state}`;
const expectations = (condition: string) =>
  `(SELECT count(*) FROM expectations WHERE ${condition})`;

/** Counts everything; ?1 is the time. */
export const statsStatement: string = `SELECT
  (SELECT count(*) FROM events) AS events,
  ${events("ignored")}, ${events("quarantined")}, ${events("superseded")},
  (SELECT max(received_at) FROM events) AS last_received_at,
  (SELECT count(*) FROM deliveries) AS deliveries,
  open, running,
  (SELECT count(*) FROM deliveries INDEXED BY deliveries_dead_event WHERE state = 3) AS dead,
  (SELECT min(due_at) FROM (
    WITH RECURSIVE queues (name) AS (
      SELECT (SELECT min(processor) FROM deliveries WHERE state < 2)
      UNION ALL
      SELECT (SELECT min(processor) FROM deliveries WHERE state < 2 AND processor > name)
        FROM queues WHERE name IS NOT NULL
    ) SELECT (SELECT min(due_at) FROM deliveries WHERE state < 2 AND processor = name) AS due_at
      FROM queues
  ) WHERE due_at <= ?1) AS oldest_due_at,
  (SELECT coalesce(sum(duplicates), 0) FROM keys
    WHERE duplicates > 0 AND expires_at IS NULL) AS duplicates,
  ${expectations("deadline_at > ?1")} AS waiting,
  ${expectations("deadline_at <= ?1")} AS overdue,
  (SELECT count(*) FROM rejections) AS rejections
  FROM (SELECT count(*) AS open, coalesce(sum(state), 0) AS running FROM deliveries
    INDEXED BY deliveries_due WHERE state < 2)`;

/** What {@linkcode statsStatement} gives. */
export interface StatsRow {
  readonly events: number;
  readonly ignored: number;
  readonly quarantined: number;
  readonly superseded: number;
  readonly last_received_at: number | null;
  readonly deliveries: number;
  /** Pending or running. */
  readonly open: number;
  readonly running: number;
  readonly dead: number;
  readonly oldest_due_at: number | null;
  readonly duplicates: number;
  readonly waiting: number;
  readonly overdue: number;
  readonly rejections: number;
}

/** The counts of a row of {@linkcode statsStatement}. */
export function statsOf(row: StatsRow): StorageStats {
  const { ignored, quarantined, superseded, open, running, dead, waiting, overdue } = row;
  return {
    events: {
      accepted: row.events - ignored - quarantined - superseded,
      ignored,
      quarantined,
      superseded,
    },
    deliveries: {
      pending: open - running,
      running,
      succeeded: row.deliveries - open - dead,
      dead,
    },
    duplicates: row.duplicates,
    oldestDueAt: row.oldest_due_at,
    lastReceivedAt: row.last_received_at,
    expectations: { waiting, overdue },
    rejections: row.rejections,
  };
}
