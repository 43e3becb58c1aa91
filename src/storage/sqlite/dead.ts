import type { DeadFilter, DeadGroup } from "../storage.ts";
import type { DeadGroupRow } from "./dead-statements.ts";

/** What the statements for dead deliveries take. */
export function deadValues(filter: DeadFilter): (string | number | null)[] {
  return [
    filter.processor ?? null,
    filter.event ?? null,
    filter.patternId ?? null,
    filter.deadAfter ?? Number.MIN_SAFE_INTEGER,
    filter.deadBefore ?? Number.MAX_SAFE_INTEGER,
    filter.error ?? null,
  ];
}

/** Which statement counts what a filter means. */
export function countDeadBy({ error }: DeadFilter): "countDead" | "countDeadOfError" {
  return error === undefined ? "countDead" : "countDeadOfError";
}

/** Which statement makes due again what a filter means. */
export function redriveBy({ error }: DeadFilter): "redrive" | "redriveOfError" {
  return error === undefined ? "redrive" : "redriveOfError";
}

/** The groups of rows. */
export function deadGroupsOf(rows: readonly DeadGroupRow[]): DeadGroup[] {
  return rows.map(({ processor, error, count, last_ended_at, last_event_id }) => ({
    processor,
    error,
    count,
    lastEndedAt: last_ended_at,
    lastEventId: last_event_id,
  }));
}
