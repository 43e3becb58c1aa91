import type {
  Attempt,
  Claim,
  DeadFilter,
  DeliveryState,
  EventFilter,
  EventState,
  NewEvent,
  StoredEvent,
} from "../storage.ts";

/** A delivery in memory. */
export interface MemoryDelivery {
  readonly stored: MemoryEvent;
  readonly processor: string;
  state: DeliveryState;
  attempts: number;
  fence: number;
  dueAt: number;
  endedAt: number | null;
  lastError: string | null;
  attemptsMade: Attempt[];
}

/** An event in memory. */
export interface MemoryEvent {
  readonly event: NewEvent;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly sequence: number;
  state: EventState;
  deliveries: MemoryDelivery[];
}

/** The event as the storage shows it. */
export function describeEvent(
  { event, body, state, deliveries }: MemoryEvent,
  duplicates: number,
): StoredEvent {
  return {
    id: event.id,
    key: event.key,
    state,
    origin: event.origin,
    event: event.event,
    jobId: event.jobId,
    patternId: event.patternId,
    receivedAt: event.receivedAt,
    size: body.byteLength,
    duplicates,
    traceParent: event.traceParent,
    deliveries: deliveries
      .map(({ processor, state, attempts, dueAt, endedAt, lastError }) => ({
        processor,
        state,
        attempts,
        dueAt: state === "pending" || state === "running" ? dueAt : null,
        endedAt,
        lastError,
      }))
      .sort((a, b) => (a.processor < b.processor ? -1 : 1)),
  };
}

/** The claim of a delivery that runs. */
export function claimOf({ stored, processor, fence, attempts }: MemoryDelivery): Claim {
  const { id, receivedAt, traceParent } = stored.event;
  const body = stored.body.slice();
  return { eventId: id, processor, fence, attempt: attempts, receivedAt, body, traceParent };
}

/** Whether a filter means this event. */
export function isEventMeant(
  { event, state, deliveries }: MemoryEvent,
  filter: EventFilter,
): boolean {
  return [state, undefined].includes(filter.state) &&
    [event.event, undefined].includes(filter.event) &&
    [event.jobId, undefined].includes(filter.jobId) &&
    [event.patternId, undefined].includes(filter.patternId) &&
    event.receivedAt >= (filter.receivedAfter ?? -Infinity) &&
    event.receivedAt < (filter.receivedBefore ?? Infinity) &&
    (filter.deliveryState === undefined ||
      deliveries.some((delivery) => delivery.state === filter.deliveryState));
}

/** Whether a filter means this delivery: a dead one, as all that is given applies. */
export function isDeadMeant(
  { stored: { event }, processor, state, endedAt, lastError }: MemoryDelivery,
  filter: DeadFilter,
): boolean {
  return state === "dead" &&
    [processor, undefined].includes(filter.processor) &&
    [lastError, undefined].includes(filter.error) &&
    [event.event, undefined].includes(filter.event) &&
    [event.patternId, undefined].includes(filter.patternId) &&
    Number(endedAt) >= (filter.deadAfter ?? -Infinity) &&
    Number(endedAt) < (filter.deadBefore ?? Infinity);
}
