import { deadLookedAt } from "../storage.ts";

// Dead deliveries, as a filter means them: ?1 processor, ?2 event, ?3 pattern, ?4 since, ?5 before,
// ?6 error. Those of one error are found by it: there may be many others.
const dead = (index: string, andError: string) =>
  `FROM deliveries INDEXED BY ${index}
  WHERE state = 3${andError} AND due_at >= ?4 AND due_at < ?5 AND (?1 IS NULL OR processor = ?1)
  AND (?2 IS NULL AND ?3 IS NULL OR EXISTS (SELECT 1 FROM events WHERE seq = event_seq
    AND (?2 IS NULL OR event = ?2) AND (?3 IS NULL OR pattern_id = ?3)))`;
const ofAny = dead("deliveries_dead", " AND ?6 IS NULL");
const ofError = dead("deliveries_dead_error", " AND last_error = ?6");

const count = (meant: string) => `SELECT count(*) AS count ${meant}`;
const redrive = (meant: string) =>
  `UPDATE deliveries SET state = 0, attempts = 0, due_at = ?8
    WHERE (event_seq, processor) IN
      (SELECT event_seq, processor ${meant} ORDER BY due_at LIMIT ?7)
    RETURNING event_seq`;

/** The statements for dead deliveries, by name. */
export const deadStatements = {
  countDead: `${count(ofAny)}`,
  countDeadOfError: `${count(ofError)}`,
  redrive: `${redrive(ofAny)}`,
  redriveOfError: `${redrive(ofError)}`,
  // What stands beside a minimum is of the row that has it.
  deadGroups: `SELECT processor, error, count(*) AS count, min(place), due_at AS last_ended_at,
      (SELECT id FROM events WHERE seq = event_seq) AS last_event_id
    FROM (SELECT processor, coalesce(last_error, '') AS error, due_at, event_seq,
        row_number() OVER (ORDER BY due_at DESC, event_seq DESC) AS place
      FROM deliveries INDEXED BY deliveries_dead WHERE state = 3
      ORDER BY due_at DESC, event_seq DESC LIMIT ${deadLookedAt})
    GROUP BY processor, error ORDER BY count DESC, due_at DESC LIMIT ?`,
};

/** Dead deliveries of one processor and error. */
export interface DeadGroupRow {
  readonly processor: string;
  readonly error: string;
  readonly count: number;
  readonly last_ended_at: number;
  readonly last_event_id: string;
}

/** What the rows of those that give any hold. */
export interface DeadRows {
  countDead: { readonly count: number };
  countDeadOfError: { readonly count: number };
  redrive: { readonly event_seq: number };
  redriveOfError: { readonly event_seq: number };
  deadGroups: DeadGroupRow;
}
