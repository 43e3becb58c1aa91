import type { RejectionRow } from "../sql-rows.ts";

/** The statements that keep a rejection, by name. */
export const keepStatements = {
  addRejection: `INSERT INTO rejections (id, received_at, stored_at, signature, size, body)
    VALUES (?, ?, ?, ?, ?, CAST(? AS BLOB)) ON CONFLICT (id) DO NOTHING`,
  // ?1 is up to when it is too old, ?2 the most of them, ?3 the most bytes.
  trimRejections: `DELETE FROM rejections WHERE seq IN (
    SELECT seq FROM (
      SELECT seq, stored_at, count(*) OVER kept AS count, sum(size) OVER kept AS bytes
      FROM rejections INDEXED BY rejections_kept WHERE stored_at > ?1
      WINDOW kept AS (ORDER BY seq DESC)
    ) WHERE count > ?2 OR bytes > ?3
    UNION ALL
    SELECT seq FROM rejections INDEXED BY rejections_kept WHERE stored_at <= ?1
  )`,
};

/** The statements for rejections that are kept, by name. */
export const rejectionStatements = {
  rejections: `SELECT seq, id, received_at, signature, size FROM rejections
    WHERE seq > ? ORDER BY seq LIMIT ?`,
  rejectionBody: "SELECT body FROM rejections WHERE id = ?",
  removeRejection: "DELETE FROM rejections WHERE id = ?",
};

/** What the rows of those that give any hold. */
export interface RejectionRows {
  rejections: RejectionRow;
  rejectionBody: { readonly body: Uint8Array<ArrayBuffer> };
}
