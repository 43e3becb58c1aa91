import { type DeadGroup, deadLookedAt } from "../storage.ts";
import type { MemoryDelivery } from "./event.ts";

/** Groups dead deliveries by processor and error. */
export function groupDead(dead: readonly MemoryDelivery[], limit: number): DeadGroup[] {
  const groups = new Map<string, DeadGroup>();
  const lastFirst = dead.toSorted((one, other) =>
    Number(other.endedAt) - Number(one.endedAt) || other.stored.sequence - one.stored.sequence
  );
  for (const { processor, lastError, endedAt, stored } of lastFirst.slice(0, deadLookedAt)) {
    const error = lastError ?? "";
    const key = JSON.stringify([processor, error]);
    const known = groups.get(key);
    groups.set(key, {
      processor,
      error,
      count: (known?.count ?? 0) + 1,
      lastEndedAt: known?.lastEndedAt ?? Number(endedAt),
      lastEventId: known?.lastEventId ?? stored.event.id,
    });
  }
  return [...groups.values()]
    .sort((one, other) => other.count - one.count || other.lastEndedAt - one.lastEndedAt)
    .slice(0, limit);
}
