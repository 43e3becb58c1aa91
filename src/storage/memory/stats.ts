import type { StorageStats } from "../storage.ts";
import type { MemoryEvent } from "./event.ts";

/** Counts events and what hangs on them. */
export function countEvents(
  events: Iterable<MemoryEvent>,
  duplicatesOf: (stored: MemoryEvent) => number,
): Pick<StorageStats, "events" | "deliveries" | "duplicates" | "lastReceivedAt"> {
  const counts = {
    events: { accepted: 0, ignored: 0, quarantined: 0, superseded: 0 },
    deliveries: { pending: 0, running: 0, succeeded: 0, dead: 0 },
  };
  let duplicates = 0;
  let lastReceivedAt: number | null = null;
  for (const stored of events) {
    const { receivedAt } = stored.event;
    counts.events[stored.state]++;
    for (const { state } of stored.deliveries) counts.deliveries[state]++;
    duplicates += duplicatesOf(stored);
    lastReceivedAt = Math.max(receivedAt, lastReceivedAt ?? receivedAt);
  }
  return { ...counts, duplicates, lastReceivedAt };
}
