import type { AttemptState, DeliveryState, EventState } from "../storage/storage.ts";

/** The states of an event. */
export const eventStates: readonly EventState[] = [
  "accepted",
  "ignored",
  "quarantined",
  "superseded",
];

/** The states of a delivery. */
export const deliveryStates: readonly DeliveryState[] = [
  "pending",
  "running",
  "succeeded",
  "dead",
];

/** The states of an attempt. */
export const attemptStates: readonly AttemptState[] = [
  "running",
  "succeeded",
  "retry",
  "dead",
  "released",
  "lost",
];
