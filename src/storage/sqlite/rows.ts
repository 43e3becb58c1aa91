import type { Delivery, DeliveryState, Outcome, StoredEvent } from "../storage.ts";
import type { EventRow, Rows } from "./statements.ts";

/** A delivery's states, as the schema numbers them. */
export const deliveryStates: readonly DeliveryState[] = ["pending", "running", "succeeded", "dead"];

/** An event, of its row and those of its deliveries. */
export function describeEvent(
  row: EventRow,
  deliveries: readonly Rows["deliveries"][],
): StoredEvent {
  return {
    id: row.id,
    key: row.key,
    state: row.state,
    origin: row.origin,
    event: row.event,
    jobId: row.job_id,
    patternId: row.pattern_id,
    receivedAt: row.received_at,
    size: row.size,
    duplicates: row.duplicates,
    deliveries: deliveries.map((delivery): Delivery => ({
      processor: delivery.processor,
      state: deliveryStates[delivery.state] ?? "dead",
      attempts: delivery.attempts,
      dueAt: delivery.state < 2 ? delivery.due_at : null,
      endedAt: delivery.state < 2 ? null : delivery.due_at,
      lastError: delivery.last_error,
    })),
  };
}

/** What the statement `settle` sets: state, due_at, how many attempts do not count, last_error. */
export function settledValues(
  outcome: Outcome,
  time: number,
): [state: number, dueAt: number, uncounted: number, lastError: string | null] {
  const state = { succeeded: 2, dead: 3, retry: 0, released: 0 }[outcome.kind];
  const delayMs = outcome.kind === "retry" ? outcome.afterMs : 0;
  return [
    state,
    Math.ceil(time + delayMs),
    outcome.kind === "released" ? 1 : 0,
    "error" in outcome ? outcome.error : null,
  ];
}
