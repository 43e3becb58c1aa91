import { attemptError } from "../attempt-error.ts";
import { type Attempt, attemptsKept, type AttemptState } from "../storage.ts";
import type { MemoryDelivery } from "./event.ts";

/** Remembers that a delivery's next attempt begins: now, as the one that `delivery.attempts` counts. */
export function beginAttempt(delivery: MemoryDelivery, startedAt: number): void {
  const { processor, attempts: attempt } = delivery;
  endAttempt(delivery, "lost", null);
  const begun = { processor, attempt, state: "running", startedAt, endedAt: null, error: null };
  delivery.attemptsMade = [...delivery.attemptsMade, begun as Attempt].slice(-attemptsKept);
}

/** Remembers how the attempt ended that runs; where none does, nothing happens. */
export function endAttempt(
  delivery: MemoryDelivery,
  state: Exclude<AttemptState, "running">,
  endedAt: number | null,
  error: string | null = null,
): void {
  const last = delivery.attemptsMade.at(-1);
  if (last?.state !== "running") return;
  const cut = error === null ? null : attemptError(error);
  delivery.attemptsMade[delivery.attemptsMade.length - 1] = { ...last, state, endedAt, error: cut };
}
