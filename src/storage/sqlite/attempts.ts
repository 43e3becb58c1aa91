import { type Attempt, attemptsKept, type AttemptState } from "../storage.ts";
import type { AttemptsRow } from "./attempt-statements.ts";

type Ended = readonly [
  attempt: number,
  startedAt: number,
  endedAt: number | null,
  state: AttemptState,
  error: string | null,
];

/** The attempts of deliveries. */
export function attemptsOf(rows: readonly AttemptsRow[]): Attempt[] {
  return rows.flatMap((row) => [...endedOf(row), ...lastOf(row)].slice(-attemptsKept));
}

function endedOf({ processor, history }: AttemptsRow): Attempt[] {
  const ended: readonly Ended[] = JSON.parse(history ?? "[]");
  return ended.map(([attempt, startedAt, endedAt, state, error]) => ({
    processor,
    attempt,
    state,
    startedAt,
    endedAt,
    error,
  }));
}

/** The one that runs, or by which the delivery succeeded: not yet a part of the history. */
function lastOf({ processor, state, attempts: attempt, ...row }: AttemptsRow): Attempt[] {
  const startedAt = row.started_at;
  if (startedAt === null || state !== 1 && state !== 2) return [];
  const common = { processor, attempt, startedAt, error: null };
  return state === 1
    ? [{ ...common, state: "running", endedAt: null }]
    : [{ ...common, state: "succeeded", endedAt: row.due_at }];
}
