// Dead deliveries, as a filter means them: ?1 processor, ?2 event, ?3 pattern, ?4 since, ?5 before.
const dead = `FROM deliveries INDEXED BY deliveries_dead
  WHERE state = 3 AND due_at >= ?4 AND due_at < ?5 AND (?1 IS NULL OR processor = ?1)
  AND (?2 IS NULL AND ?3 IS NULL OR EXISTS (SELECT 1 FROM events WHERE seq = event_seq
    AND (?2 IS NULL OR event = ?2) AND (?3 IS NULL OR pattern_id = ?3)))`;

/** The statements for dead deliveries, by name. */
export const deadStatements = {
  countDead: `SELECT count(*) AS count ${dead}`,
  redrive: `UPDATE deliveries SET state = 0, attempts = 0, due_at = ?7
    WHERE (event_seq, processor) IN
      (SELECT event_seq, processor ${dead} ORDER BY due_at LIMIT ?6)
    RETURNING event_seq`,
};
