import type { VerifiedBytes } from "../signature.ts";
import type { Activity } from "./activity.ts";
import type { Expectations } from "./expectations.ts";
import type { Rejections } from "./rejections.ts";
import type {
  Attempt,
  DeliveryState,
  EventOrigin,
  EventState,
  StoredEvent,
} from "./stored-event.ts";

export type {
  Attempt,
  AttemptState,
  Delivery,
  DeliveryState,
  EventOrigin,
  EventState,
  StoredEvent,
} from "./stored-event.ts";

/** A verified event on its way into a storage. */
export interface NewEvent {
  /** `evt_…`, made by the receiver. */
  readonly id: string;
  /** What makes two requests the same event. The first one with a key is kept. */
  readonly key: string;
  readonly state: Exclude<EventState, "superseded">;
  readonly origin: EventOrigin;
  /** The event's name; null where the payload could not be understood. */
  readonly event: string | null;
  readonly jobId: string | null;
  readonly patternId: string | null;
  /** The time of receipt, in milliseconds since 1970. */
  readonly receivedAt: number;
  /** The raw bytes as received. */
  readonly body: VerifiedBytes;
  /** The names of the processors that each get a delivery. Empty unless `state` is `accepted`. */
  readonly processors: readonly string[];
  /** The trace of its receipt, as W3C's `traceparent` names it; null where nothing traces. */
  readonly traceParent: string | null;
}

/** What {@linkcode Storage.accept} did. */
export interface Acceptance {
  /** The stored event's id: of a duplicate, the first one's. */
  readonly id: string;
  /** Whether an event of the same key was stored before; then nothing but its count changed. */
  readonly duplicate: boolean;
  /** The state of the stored event. */
  readonly state: EventState;
  /** Of a duplicate: whether its bytes are those of the first one. Else true. */
  readonly identical: boolean;
}

/** The right to run one delivery, until it ends or is lost. */
export interface Lease {
  readonly eventId: string;
  readonly processor: string;
  /** A number that only grows, raised at every claim of this delivery. */
  readonly fence: number;
}

/** A claimed delivery, with all that its processor needs. */
export interface Claim extends Lease {
  /** Which attempt this is, from 1. It counts from the claim on, whatever becomes of it. */
  readonly attempt: number;
  readonly receivedAt: number;
  readonly body: Uint8Array<ArrayBuffer>;
  /** As {@linkcode NewEvent.traceParent}. */
  readonly traceParent: string | null;
}

/** What {@linkcode Storage.claim} takes. */
export interface ClaimRequest {
  /** The processors that the caller can run; only their deliveries are claimed. */
  readonly processors: readonly string[];
  /** The most deliveries to claim: at least 1. */
  readonly limit: number;
  /** How long the claims hold unless renewed, in milliseconds. */
  readonly leaseMs: number;
  /** A delivery that was claimed this often is not run again, but dead. */
  readonly maxAttempts: number;
}

/** What {@linkcode Storage.claim} gives. */
export interface ClaimResult {
  readonly claims: readonly Claim[];
  /** Deliveries whose last attempt never ended (it took the process with it): dead now. */
  readonly exhausted: readonly Lease[];
}

/** How an attempt ended. */
export type Outcome =
  | { readonly kind: "succeeded" }
  /** Due again after so many milliseconds. */
  | { readonly kind: "retry"; readonly afterMs: number; readonly error: string }
  | { readonly kind: "dead"; readonly error: string }
  /** Due again at once; the attempt does not count. */
  | { readonly kind: "released" };

/** Which events are meant: those to which all that is given applies. */
export interface EventFilter {
  readonly state?: EventState;
  /** Its name, such as `job.succeeded`. */
  readonly event?: string;
  readonly jobId?: string;
  readonly patternId?: string;
  /** Those with a delivery in this state. */
  readonly deliveryState?: DeliveryState;
  /** Received then or later, in milliseconds since 1970. */
  readonly receivedAfter?: number;
  /** Received before then. */
  readonly receivedBefore?: number;
}

/** Which dead deliveries are meant: those to which all that is given applies. */
export interface DeadFilter {
  readonly processor?: string;
  /** The error that they died of, exactly. */
  readonly error?: string;
  /** The event's name, such as `job.succeeded`. */
  readonly event?: string;
  readonly patternId?: string;
  /** Given up then or later, in milliseconds since 1970. */
  readonly deadAfter?: number;
  /** Given up before then. */
  readonly deadBefore?: number;
}

/** Dead deliveries of one processor that died of the same error. */
export interface DeadGroup {
  readonly processor: string;
  readonly error: string;
  readonly count: number;
  /** When the last of them died, in milliseconds since 1970. */
  readonly lastEndedAt: number;
  /** The event of the one that died last. */
  readonly lastEventId: string;
}

/** What there is, counted. */
export interface StorageStats {
  readonly events: Readonly<Record<EventState, number>>;
  readonly deliveries: Readonly<Record<DeliveryState, number>>;
  /** Requests that were duplicates of events that are still there. */
  readonly duplicates: number;
  /** Since when the delivery that waits longest could have run, in milliseconds; null: none is due. */
  readonly oldestDueAt: number | null;
  /** The latest time of receipt of the events that are there, in milliseconds; null: there is none. */
  readonly lastReceivedAt: number | null;
  /** Expectations: those within their deadline, and those past it. */
  readonly expectations: { readonly waiting: number; readonly overdue: number };
  readonly rejections: number;
}

/** A part of the list of events. */
export interface EventPage {
  readonly events: readonly StoredEvent[];
  /** Hand it to {@linkcode Storage.list} for the events before these; null at the end. */
  readonly nextCursor: string | null;
}

/** How a storage is that answers. */
export interface StorageHealth {
  /** Whether events are waiting in a spool until the storage itself is back. */
  readonly spooling?: boolean;
  /** How many, while they do. */
  readonly spooled?: number;
}

/**
 * Where events are kept and deliveries are claimed. One object serves a whole process, and several
 * processes may share what is behind it.
 *
 * Every method is one transaction: it happens whole or not at all, and when its promise resolves
 * it is as durable as the storage can make it. A rejection may be of any type and means "not known
 * to have happened"; calling again with the same arguments is always safe. Time is the storage's
 * own: durations come in, and no caller's clock is trusted. What is given is copied, and what is
 * returned belongs to the caller.
 */
export interface Storage {
  /**
   * Stores an event with its deliveries, or counts it as a duplicate where its key is known.
   * However many come at once with one key, exactly one is stored. Where the key is known from this
   * very event, by its id, the call is one made again: it is answered as at first, and not counted.
   *
   * Of a job, `job.succeeded` has the last word, in whichever order the two come: while it is stored,
   * an accepted `job.failed` of the same `jobId` is or becomes `superseded`, and its deliveries
   * that have not succeeded are withdrawn (one that is running may still succeed, but is not
   * repeated). An accepted event, or a repeat of one, ends the expectation of its job.
   *
   * @param signal Ends waiting (for a lock, for a connection). What was sent may still commit.
   */
  accept(event: NewEvent, signal?: AbortSignal): Promise<Acceptance>;

  /**
   * Claims deliveries that are due: pending ones whose time has come and running ones whose lease
   * has ended. Of one processor those due first come first; one with a long queue does not keep
   * the others waiting. Two callers never get the same claim.
   */
  claim(request: ClaimRequest): Promise<ClaimResult>;

  /** Makes a lease last for so many milliseconds from now. False: it is lost, nothing changed. */
  renew(lease: Lease, leaseMs: number): Promise<boolean>;

  /**
   * Ends an attempt. False: nothing changed, as its lease is lost (another fence, or not running) or
   * an earlier call, whose answer was lost, has ended it.
   */
  settle(lease: Lease, outcome: Outcome): Promise<boolean>;

  /**
   * Where the storage has transactions that a processor can write in: does the work in one and, when
   * that resolves, ends the attempt as succeeded in the same one. Both happen or neither. False: the
   * lease is lost, and what the work wrote is undone. A rejection of the work is handed on, and what
   * it wrote is undone.
   *
   * @param work Gets what its writes go through. The transaction is open until its promise settles.
   */
  complete?(lease: Lease, work: (sql: unknown) => Promise<unknown>): Promise<boolean>;

  /**
   * Where the storage can tell: calls a function soon after another process has stored something
   * that is due. It is only a hint, which may fail to come; whoever gets it claims now and then all
   * the same.
   *
   * @returns A function that ends it.
   */
  onDue?(wake: () => void): () => void;

  /** The event of this id. */
  get(id: string): Promise<StoredEvent | undefined>;

  /**
   * The attempts of an event's deliveries, by processor and then the first first. Of each delivery
   * the last 20 are remembered, until it goes.
   */
  attempts(eventId: string): Promise<readonly Attempt[]>;

  /** The raw bytes of the event of this id, as received. */
  body(id: string): Promise<Uint8Array<ArrayBuffer> | undefined>;

  /**
   * The events, the last stored first. Following `nextCursor`, with the same filter, shows each event
   * that was there at the first call once, however many come meanwhile; one that a filter starts or
   * stops to mean meanwhile may be left out. With a filter a page may hold fewer than `limit`, or
   * none, before the end: so each call takes a bounded time. It looks at `limit` events at least.
   */
  list(
    query: EventFilter & { readonly limit: number; readonly cursor?: string },
  ): Promise<EventPage>;

  /**
   * Makes an accepted event's deliveries to these processors due again that have ended, with their
   * attempts counted anew; their fence and `lastError` stay. A processor that has none gets one. Those
   * pending or running stay as they are, and so does an event that is not accepted.
   *
   * @returns How many are due by it: of an event that is not known, 0.
   */
  redeliver(eventId: string, processors: readonly string[]): Promise<number>;

  /**
   * Makes dead deliveries due again as {@linkcode Storage.redeliver} does, `limit` at the most; a
   * storage whose transactions are small may do fewer at a time.
   *
   * @returns How many. As long as it is not 0 there may be more.
   */
  redrive(filter: DeadFilter & { readonly limit: number }): Promise<number>;

  /** How many deliveries {@linkcode Storage.redrive} would make due with this filter, in all. */
  countDead(filter: DeadFilter): Promise<number>;

  /**
   * Dead deliveries by processor and error, the most frequent first: of the 10,000 that died last at
   * the most, `limit` groups at the most.
   */
  deadGroups(query: { readonly limit: number }): Promise<readonly DeadGroup[]>;

  /** Counts what there is. */
  stats(): Promise<StorageStats>;

  /** How often things happened lately. */
  readonly activity: Activity;

  /** Which jobs' ends are awaited. */
  readonly expectations: Expectations;

  /** What was refused for its signature. */
  readonly rejections: Rejections;

  /**
   * Deletes events received before a time (milliseconds since 1970), first stored first, `limit` at
   * the most, if there is nothing left to do for them: accepted ones whose deliveries all succeeded,
   * ignored and superseded ones. Their keys stay for 30 days, so that a late repeat is still a
   * duplicate.
   *
   * @returns How many were deleted.
   */
  prune(request: { readonly receivedBefore: number; readonly limit: number }): Promise<number>;

  /**
   * Resolves when the storage answers, with what an operator should know, if there is anything.
   * Whether it can be written shows only when it is.
   */
  ping(): Promise<StorageHealth | void>;

  /** Lets go of files and connections. Nothing else may be called afterwards. */
  close(): Promise<void>;
}

/** How long a pruned event's key is remembered, in milliseconds. */
export const keyRetentionMs: number = 30 * 24 * 3_600_000;

/** How many attempts of a delivery are remembered. */
export const attemptsKept = 20;

/** How many dead deliveries are looked at to group them. */
export const deadLookedAt = 10_000;

/** The error of a delivery that {@linkcode ClaimResult.exhausted} names. */
export const lastAttemptLost = "The last attempt never ended.";

/** Why a storage failed, where it can tell. */
export type StorageErrorCode =
  | "busy"
  | "full"
  | "readonly"
  | "corrupt"
  | "schema"
  | "denied"
  | "unavailable";

/** A storage's failure, classified: what an operator has to look at. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
