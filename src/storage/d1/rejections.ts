import type { Rejections } from "../rejections.ts";
import { rejectionPageOf, type RejectionRow } from "../sql-rows.ts";
import { trimValues } from "../sqlite/rejection-rows.ts";
import { toParameter } from "./body.ts";
import { readBody } from "./read-body.ts";
import type { D1Session } from "./session.ts";

/** Keeps rejections in a D1 database: a batch for each call. */
export function createRejections(session: D1Session, now: () => number): Rejections {
  const { bind, run } = session;
  return {
    async add({ id, receivedAt, signature, body }, limits) {
      const time = now();
      const size = body.byteLength;
      const bytes = size <= limits.maxBytes ? [toParameter(body)] : [];
      await run([
        ...bytes.map((each) => bind("addRejection", id, receivedAt, time, signature, size, each)),
        bind("trimRejections", ...trimValues(limits, time)),
      ]);
    },
    async list({ limit, cursor }) {
      // One more than asked for tells whether there is a next page.
      const [rows = []] = await run([
        bind("rejections", Number(cursor ?? 0), limit + 1),
      ]) as RejectionRow[][];
      return rejectionPageOf(rows, limit);
    },
    body: (id) => readBody(session, "textOfRejection", "rejectionBody", id),
    async remove(id) {
      await run([bind("removeRejection", id)]);
    },
  };
}
