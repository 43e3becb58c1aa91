import type { DeadFilter } from "../storage.ts";

/** What the statements for dead deliveries take. */
export function deadValues(filter: DeadFilter): (string | number | null)[] {
  return [
    filter.processor ?? null,
    filter.event ?? null,
    filter.patternId ?? null,
    filter.deadAfter ?? Number.MIN_SAFE_INTEGER,
    filter.deadBefore ?? Number.MAX_SAFE_INTEGER,
  ];
}
