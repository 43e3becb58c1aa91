import type { ExpectationRow } from "../sql-rows.ts";
import { anyEndsOfJob } from "./shared-statements.ts";

const columns = "seq, job_id, pattern_id, deadline_at, asked, ask_at, last_error";
const due = "FROM expectations WHERE ask_at <= ?1 ORDER BY ask_at, seq LIMIT ?2";

/** The statements for expectations, by name. */
export const expectationStatements = {
  // Who is asking now is not disturbed, and who has asked keeps to when to ask again.
  expect: `INSERT INTO expectations (job_id, pattern_id, deadline_at, ask_at)
    SELECT ?1, ?2, ?3, ?3 WHERE NOT EXISTS (${anyEndsOfJob("?1")})
    ON CONFLICT (job_id) DO UPDATE SET
      pattern_id = coalesce(pattern_id, excluded.pattern_id),
      deadline_at = min(deadline_at, excluded.deadline_at),
      ask_at = CASE WHEN asked > 0 AND ask_at IS NOT NULL THEN ask_at
        ELSE min(deadline_at, excluded.deadline_at) END
    RETURNING seq`,
  anyToAsk: "SELECT 1 FROM expectations WHERE ask_at <= ? LIMIT 1",
  toAsk: `SELECT ${columns} ${due}`,
  ask: `UPDATE expectations SET asked = asked + 1, ask_at = ?3 WHERE seq IN (SELECT seq ${due})`,
  postpone: "UPDATE expectations SET ask_at = ?, last_error = ? WHERE job_id = ?",
  expectations: `SELECT ${columns} FROM expectations
    WHERE (deadline_at, seq) > (?, ?) ORDER BY deadline_at, seq LIMIT ?`,
};

/** What the rows of those that give any hold. */
export interface ExpectationRows {
  expect: { readonly seq: number };
  anyToAsk: { readonly 1: 1 };
  toAsk: ExpectationRow;
  expectations: ExpectationRow;
}
