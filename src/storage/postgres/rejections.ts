import type { Rejections } from "../rejections.ts";
import { rejectionPageOf, type RejectionRow } from "../sql-rows.ts";
import type { Query } from "./client.ts";
import { checkPlace, interval, milliseconds, timeOf } from "./values.ts";

/** What was refused for its signature, in the tables of this schema. */
export function createRejections(query: Query, schema: string): Rejections {
  const rejections = `${schema}.rejections`;

  const statements = {
    add: `SELECT ${schema}.add_rejection($1::text, ${timeOf("$2")}, $3::text, $4::bytea,
      $5::bigint, $6::bigint, ${interval("$7")})`,

    list: `SELECT r.seq::float8 AS seq, id, signature, length(body)::float8 AS size,
        ${milliseconds("received_at")} AS received_at
      FROM ${rejections} r WHERE r.seq > $1::bigint ORDER BY r.seq LIMIT $2::bigint`,

    body: `SELECT body FROM ${rejections} WHERE id = $1::text`,

    remove: `DELETE FROM ${rejections} WHERE id = $1::text`,
  };

  return {
    async add({ id, receivedAt, signature, body }, { maxCount, maxBytes, maxAgeMs }) {
      const limits = [maxCount, maxBytes, maxAgeMs];
      await query(statements.add, [id, receivedAt, signature, body, ...limits]);
    },

    async list({ limit, cursor = "0" }) {
      checkPlace(cursor);
      // One more than asked for tells whether there is a next page.
      const rows = await query<RejectionRow>(statements.list, [cursor, limit + 1]);
      return rejectionPageOf(rows, limit);
    },

    async body(id) {
      const [row] = await query<{ body: Uint8Array }>(statements.body, [id]);
      return row && new Uint8Array(row.body);
    },

    async remove(id) {
      await query(statements.remove, [id]);
    },
  };
}
