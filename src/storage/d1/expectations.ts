import type { Expectations } from "../expectations.ts";
import type { ExpectationRow } from "../sql-rows.ts";
import { afterOf, describeAsked, expectationPageOf } from "../sqlite/expectation-rows.ts";
import { operatingStatements as sql } from "./operating-statements.ts";
import type { D1Session } from "./session.ts";

/** Keeps expectations in a D1 database: a batch for each call. */
export function createExpectations({ bind, run }: D1Session, now: () => number): Expectations {
  return {
    async add({ jobId, patternId, withinMs }) {
      const deadlineAt = Math.ceil(now() + withinMs);
      const [added = []] = await run([bind(sql.expect, jobId, patternId, deadlineAt)]);
      return added.length === 1 ? "waiting" : "fulfilled";
    },
    async claim({ limit, leaseMs }) {
      const time = now();
      const heldUntil = Math.ceil(time + leaseMs);
      const [due = []] = await run([
        bind(sql.toAsk, time, limit),
        bind(sql.ask, time, limit, heldUntil),
      ]) as ExpectationRow[][];
      return due.map((row) => describeAsked(row, heldUntil));
    },
    async postpone(jobId, { afterMs, error }) {
      const askAt = afterMs === null ? null : Math.ceil(now() + afterMs);
      await run([bind(sql.postpone, askAt, error, jobId)]);
    },
    async list({ limit, cursor }) {
      // One more than asked for tells whether there is a next page.
      const [rows = []] = await run([
        bind(sql.expectations, ...afterOf(cursor), limit + 1),
      ]) as ExpectationRow[][];
      return expectationPageOf(rows, limit);
    },
  };
}
