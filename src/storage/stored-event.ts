/**
 * What became of an event:
 * - `accepted`: a job's end, handed to the processors;
 * - `ignored`: signed, but not a job's end;
 * - `quarantined`: signed, but its payload could not be understood;
 * - `superseded`: a `job.failed` of a job whose `job.succeeded` is stored too: kept, not processed.
 */
export type EventState = "accepted" | "ignored" | "quarantined" | "superseded";

/** How an event came: sent by ImgGo, or asked for as it did not come. */
export type EventOrigin = "webhook" | "reconcile";

/** Where a delivery (one event for one processor) stands. */
export type DeliveryState = "pending" | "running" | "succeeded" | "dead";

/** An event as it is stored, without its body. */
export interface StoredEvent {
  /** `evt_…`, made by the receiver. */
  readonly id: string;
  /** What makes two requests the same event. */
  readonly key: string;
  /** What became of it. */
  readonly state: EventState;
  /** How it came. */
  readonly origin: EventOrigin;
  /** The event's name; null where the payload could not be understood. */
  readonly event: string | null;
  /** The job's id; null where the payload names none. */
  readonly jobId: string | null;
  /** The pattern's id; null where the payload names none. */
  readonly patternId: string | null;
  /** The time of receipt, in milliseconds since 1970. */
  readonly receivedAt: number;
  /** The body's size in bytes. */
  readonly size: number;
  /** How many more requests of the same key came. */
  readonly duplicates: number;
  /** The trace of its receipt, as W3C's `traceparent` names it; null where nothing traced. */
  readonly traceParent: string | null;
  /** One for each processor, in the order of their names. */
  readonly deliveries: readonly Delivery[];
}

/** One event for one processor. */
export interface Delivery {
  /** The processor's name. */
  readonly processor: string;
  /** Where it stands. */
  readonly state: DeliveryState;
  /** How often it was run, the running attempt included. */
  readonly attempts: number;
  /** When it may run (`pending`) or its lease ends (`running`), in milliseconds; else null. */
  readonly dueAt: number | null;
  /** When it succeeded or was given up (`dead`), in milliseconds; else null. */
  readonly endedAt: number | null;
  /** Why the last failed attempt failed. */
  readonly lastError: string | null;
}

/**
 * Where an attempt stands: it runs, it ended as the `Outcome` says by which it was settled, or it was
 * `lost`: its lease ended before it did.
 */
export type AttemptState = "running" | "succeeded" | "retry" | "dead" | "released" | "lost";

/** One run of a processor. */
export interface Attempt {
  /** The processor's name. */
  readonly processor: string;
  /** Which one it is, from 1, since the delivery was made or last began anew. */
  readonly attempt: number;
  /** Where it stands. */
  readonly state: AttemptState;
  /** When it was claimed, in milliseconds since 1970. */
  readonly startedAt: number;
  /** When it ended; null of one that runs or was lost. */
  readonly endedAt: number | null;
  /** Why it failed: its first 200 characters. */
  readonly error: string | null;
}
