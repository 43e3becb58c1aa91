import { attemptError } from "../attempt-error.ts";
import { deliveryStates, eventOf, type EventRow } from "../sql-rows.ts";
import type { Delivery, Outcome, StoredEvent } from "../storage.ts";
import type { Rows } from "./statements.ts";

/** An event, of its row and those of its deliveries. */
export function describeEvent(
  row: EventRow,
  deliveries: readonly Rows["deliveries"][],
): StoredEvent {
  return eventOf(
    row,
    deliveries.map((delivery): Delivery => ({
      processor: delivery.processor,
      state: deliveryStates[delivery.state] ?? "dead",
      attempts: delivery.attempts,
      dueAt: delivery.state < 2 ? delivery.due_at : null,
      endedAt: delivery.state < 2 ? null : delivery.due_at,
      lastError: delivery.last_error,
    })),
  );
}

/**
 * What the statement `settle` sets: state, due_at, how many attempts do not count, last_error; and of
 * the attempt how it ended, when, and its error as JSON.
 */
export function settledValues(outcome: Outcome, time: number): (number | string | null)[] {
  const state = { succeeded: 2, dead: 3, retry: 0, released: 0 }[outcome.kind];
  const error = "error" in outcome ? outcome.error : null;
  const delayMs = outcome.kind === "retry" ? outcome.afterMs : 0;
  return [
    state,
    Math.ceil(time + delayMs),
    outcome.kind === "released" ? 1 : 0,
    error,
    outcome.kind,
    time,
    JSON.stringify(error === null ? null : attemptError(error)),
  ];
}
