import type { VerifiedBytes } from "../signature.ts";
import type { Activity } from "./activity.ts";
import type { Claim, ClaimRequest, ClaimResult, Lease, LeaseRequest, Outcome } from "./claim.ts";
import type { DeadFilter, DeadGroup } from "./dead-deliveries.ts";
import type { Expectations } from "./expectations.ts";
import type { Rejections } from "./rejections.ts";
import type {
  Attempt,
  DeliveryState,
  EventOrigin,
  EventState,
  StoredEvent,
} from "./stored-event.ts";

export type { Claim, ClaimRequest, ClaimResult, Lease, LeaseRequest, Outcome } from "./claim.ts";
export type { DeadFilter, DeadGroup } from "./dead-deliveries.ts";
export { StorageError, type StorageErrorCode } from "./storage-error.ts";
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
  /** What it is, by its payload. */
  readonly state: Exclude<EventState, "superseded">;
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
  /**
   * The deliveries that were claimed as {@linkcode LeaseRequest} asks. Absent or empty where there
   * are none: where it was not asked, of a duplicate, of what is not to be processed, and always
   * where a storage does not do it.
   */
  readonly claims?: readonly Claim[];
}

/** Which events are meant: those to which all that is given applies. */
export interface EventFilter {
  /** Those in this state. */
  readonly state?: EventState;
  /** Its name, such as `job.succeeded`. */
  readonly event?: string;
  /** Those of this job. */
  readonly jobId?: string;
  /** Those of this pattern. */
  readonly patternId?: string;
  /** Those with a delivery in this state. */
  readonly deliveryState?: DeliveryState;
  /** Received then or later, in milliseconds since 1970. */
  readonly receivedAfter?: number;
  /** Received before then. */
  readonly receivedBefore?: number;
}

/** What there is, counted. */
export interface StorageStats {
  /** Events, by their state. */
  readonly events: Readonly<Record<EventState, number>>;
  /** Deliveries, by their state. */
  readonly deliveries: Readonly<Record<DeliveryState, number>>;
  /** Requests that were duplicates of events that are still there. */
  readonly duplicates: number;
  /** Since when the delivery that waits longest could have run, in milliseconds; null: none is due. */
  readonly oldestDueAt: number | null;
  /** The latest time of receipt of the events that are there, in milliseconds; null: there is none. */
  readonly lastReceivedAt: number | null;
  /** Expectations: those within their deadline, and those past it. */
  readonly expectations: { readonly waiting: number; readonly overdue: number };
  /** Refused requests that are kept. */
  readonly rejections: number;
}

/** A part of the list of events. */
export interface EventPage {
  /** The last received first. */
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
   * With a lease, deliveries of the new event are claimed in the same transaction, as their first
   * attempt: nobody else gets them while it holds, and like any other claim they are renewed, ended
   * or, where their holder is gone, due again at the lease's end. Only the call that stores it claims:
   * made again it claims nothing and gives nothing, for others may hold by then what is claimed.
   *
   * @param signal Ends waiting (for a lock, for a connection). What was sent may still commit.
   * @param lease The body of such a claim may be the very bytes that were given.
   */
  accept(event: NewEvent, signal?: AbortSignal, lease?: LeaseRequest): Promise<Acceptance>;

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
