import { attemptsKept } from "../storage.ts";

/**
 * SQL of a delivery's history with the attempt that ends added to it, to be set by an UPDATE: of the
 * row as it was before. An attempt whose beginning is not known is not added.
 *
 * @param when Under which condition an attempt ends.
 * @param end SQL of when it ended, of its state and of its error.
 */
export function historyWith(when: string, ...end: readonly [string, string, string]): string {
  return `CASE WHEN ${when} AND started_at IS NOT NULL THEN json_insert(
    CASE WHEN json_array_length(history) >= ${attemptsKept} THEN json_remove(history, '$[0]')
      ELSE coalesce(history, '[]') END,
    '$[#]', json_array(attempts, started_at, ${end.join(", ")})
  ) ELSE history END`;
}

/** The history of a delivery that is claimed or given up: one that ran until then is lost. */
export const historyWithLost: string = historyWith("state = 1", "NULL", "'lost'", "NULL");

/** The history of a delivery that begins anew: it tells no longer by itself that it succeeded. */
export const historyWithSuccess: string = historyWith(
  "deliveries.state = 2",
  "deliveries.due_at",
  "'succeeded'",
  "NULL",
);

/** The statements for attempts, by name. */
export const attemptStatements = {
  attempts: `SELECT processor, state, attempts, started_at, due_at, history FROM deliveries
    WHERE event_seq = (SELECT seq FROM events WHERE id = ?) ORDER BY processor`,
};

/** A delivery as the statement `attempts` gives it. */
export interface AttemptsRow {
  readonly processor: string;
  readonly state: 0 | 1 | 2 | 3;
  readonly attempts: number;
  readonly started_at: number | null;
  readonly due_at: number;
  readonly history: string | null;
}
