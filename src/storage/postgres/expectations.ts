import type { Expectations } from "../expectations.ts";
import { expectationOf, type ExpectationRow } from "../sql-rows.ts";
import type { Query } from "./client.ts";
import { oneRow } from "./one-row.ts";
import { cut, interval, milliseconds, storable, timeOf } from "./values.ts";

type Row = Omit<ExpectationRow, "seq">;

/** Which jobs' ends are awaited, in the tables of this schema. */
export function createExpectations(query: Query, schema: string): Expectations {
  const expectations = `${schema}.expectations`;
  const columns = `e.job_id, e.pattern_id, ${milliseconds("e.deadline_at")} AS deadline_at,
    e.asked::float8 AS asked, ${milliseconds("e.ask_at")} AS ask_at, e.last_error`;

  const statements = {
    add: `SELECT ${schema}.await_job($1::text, $2::text, ${interval("$3")}) AS waiting`,

    claim: `WITH due AS MATERIALIZED (
        SELECT job_id, ask_at FROM ${expectations} WHERE ask_at <= statement_timestamp()
        ORDER BY ask_at LIMIT $1::bigint FOR UPDATE SKIP LOCKED
      ), e AS (
        UPDATE ${expectations} e SET asked = asked + 1,
          ask_at = ${cut(`clock_timestamp() + ${interval("$2")}`)}
        FROM due WHERE e.job_id = due.job_id RETURNING e.*
      )
      SELECT ${columns} FROM e JOIN due USING (job_id) ORDER BY due.ask_at, e.job_id`,

    postpone: `UPDATE ${expectations} SET ask_at = ${cut(`clock_timestamp() + ${interval("$2")}`)},
        last_error = $3::text
      WHERE job_id = $1::text`,

    list: `SELECT ${columns} FROM ${expectations} e
      WHERE (e.deadline_at, e.job_id) > (${timeOf("$1")}, $2::text)
      ORDER BY e.deadline_at, e.job_id LIMIT $3::bigint`,
  };

  return {
    async add({ jobId, patternId, withinMs }) {
      const values = [jobId, patternId, withinMs];
      const { waiting } = oneRow(await query<{ waiting: boolean }>(statements.add, values));
      return waiting ? "waiting" : "fulfilled";
    },

    async claim({ limit, leaseMs }) {
      return (await query<Row>(statements.claim, [limit, leaseMs])).map(expectationOf);
    },

    async postpone(jobId, { afterMs, error }) {
      await query(statements.postpone, [jobId, afterMs, error === null ? null : storable(error)]);
    },

    async list({ limit, cursor }) {
      const [deadlineAt, jobId] = cursor === undefined ? [-Infinity, ""] : JSON.parse(cursor);
      // One more than asked for tells whether there is a next page.
      const rows = await query<Row>(statements.list, [deadlineAt, jobId, limit + 1]);
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      return {
        expectations: page.map(expectationOf),
        nextCursor: last ? JSON.stringify([last.deadline_at, last.job_id]) : null,
      };
    },
  };
}
