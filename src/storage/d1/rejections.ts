import type { Rejections } from "../rejections.ts";
import { rejectionPageOf, type RejectionRow } from "../sql-rows.ts";
import { operatingStatements as sql } from "./operating-statements.ts";
import { readBody } from "./read-body.ts";
import type { D1Session } from "./session.ts";

/** What is done with the rejections that a D1 database keeps: a batch for each call. */
export function createKeptRejections(session: D1Session): Omit<Rejections, "add"> {
  const { bind, run } = session;
  return {
    async list({ limit, cursor }) {
      // One more than asked for tells whether there is a next page.
      const [rows = []] = await run([
        bind(sql.rejections, Number(cursor ?? 0), limit + 1),
      ]) as RejectionRow[][];
      return rejectionPageOf(rows, limit);
    },
    body: (id) => readBody(session, sql.textOfRejection, sql.rejectionBody, id),
    async remove(id) {
      await run([bind(sql.removeRejection, id)]);
    },
  };
}
