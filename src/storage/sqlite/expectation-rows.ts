import type { Expectation, ExpectationPage } from "../expectations.ts";
import { expectationOf, type ExpectationRow } from "../sql-rows.ts";

/** One that was taken so as to ask, of its row before that. */
export function describeAsked(row: ExpectationRow, askAt: number): Expectation {
  return { ...expectationOf(row), asked: row.asked + 1, askAt };
}

/** Where a list goes on: behind which deadline, and which of the same deadline. */
export function afterOf(cursor: string | undefined): readonly [deadlineAt: number, seq: number] {
  const [deadlineAt, seq] = (cursor ?? "-1 0").split(" ").map(Number);
  return [deadlineAt ?? 0, seq ?? 0];
}

/** A page, of rows that are one more than asked for where there is a next page. */
export function expectationPageOf(
  rows: readonly ExpectationRow[],
  limit: number,
): ExpectationPage {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return {
    expectations: page.map(expectationOf),
    nextCursor: last ? `${last.deadline_at} ${last.seq}` : null,
  };
}
