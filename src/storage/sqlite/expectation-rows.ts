import type { Expectation, ExpectationPage } from "../expectations.ts";
import type { ExpectationRow } from "./expectation-statements.ts";

/** An expectation, of its row. */
export function describeExpectation(row: ExpectationRow): Expectation {
  return {
    jobId: row.job_id,
    patternId: row.pattern_id,
    deadlineAt: row.deadline_at,
    asked: row.asked,
    askAt: row.ask_at,
    lastError: row.last_error,
  };
}

/** One that was taken so as to ask, of its row before that. */
export function describeAsked(row: ExpectationRow, askAt: number): Expectation {
  return { ...describeExpectation(row), asked: row.asked + 1, askAt };
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
    expectations: page.map(describeExpectation),
    nextCursor: last ? `${last.deadline_at} ${last.seq}` : null,
  };
}
