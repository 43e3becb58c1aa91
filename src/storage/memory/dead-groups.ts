import { createDeadGroups } from "../dead-groups.ts";
import { type DeadGroup, deadLookedAt } from "../storage.ts";
import type { MemoryDelivery } from "./event.ts";

/** Groups dead deliveries by processor and error. */
export function groupDead(dead: readonly MemoryDelivery[], limit: number): DeadGroup[] {
  const groups = createDeadGroups();
  const lastFirst = dead.toSorted((one, other) =>
    Number(other.endedAt) - Number(one.endedAt) || other.stored.sequence - one.stored.sequence
  );
  for (const { processor, lastError, endedAt, stored } of lastFirst.slice(0, deadLookedAt)) {
    groups.add({
      processor,
      error: lastError ?? "",
      endedAt: Number(endedAt),
      eventId: stored.event.id,
    });
  }
  return groups.first(limit);
}
