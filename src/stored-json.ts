import type { Rejection } from "./storage/rejections.ts";
import type { StorageStats, StoredEvent } from "./storage/storage.ts";

// What is stored, as JSON tells it: names in snake_case, times in ISO 8601.

/** An event with its deliveries. */
export function eventJson(
  { id, key, state, origin, event, jobId, patternId, receivedAt, size, duplicates, deliveries }:
    StoredEvent,
): Record<string, unknown> {
  return {
    id,
    event,
    state,
    origin,
    job_id: jobId,
    pattern_id: patternId,
    received_at: iso(receivedAt),
    size,
    duplicates,
    key,
    deliveries: deliveries.map(({ processor, state, attempts, dueAt, endedAt, lastError }) => ({
      processor,
      state,
      attempts,
      due_at: iso(dueAt),
      ended_at: iso(endedAt),
      last_error: lastError,
    })),
  };
}

/** What there is, counted. */
export function statsJson(
  { events, deliveries, duplicates, oldestDueAt, lastReceivedAt, expectations, rejections }:
    StorageStats,
): Record<string, unknown> {
  return {
    events,
    deliveries,
    duplicates,
    backlog: deliveries.pending + deliveries.running,
    oldest_due_at: iso(oldestDueAt),
    last_received_at: iso(lastReceivedAt),
    expectations,
    rejections,
  };
}

/** A request that was refused, without its body. */
export function rejectionJson(
  { id, receivedAt, signature, size }: Rejection,
): Record<string, unknown> {
  return { id, received_at: iso(receivedAt), size, signature };
}

function iso(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}
