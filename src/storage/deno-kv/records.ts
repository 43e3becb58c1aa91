import type { Rejection } from "../rejections.ts";
import type { Attempt, DeliveryState, NewEvent, StorageStats } from "../storage.ts";

/** The texts of an event, which may be of any length. */
export type EventTexts = Pick<NewEvent, "key" | "event" | "jobId" | "patternId">;

/** An event as it was stored. */
export interface EventRecord {
  readonly id: string;
  readonly state: NewEvent["state"];
  readonly origin: NewEvent["origin"];
  readonly receivedAt: number;
  /** Null where they are too long for a value: then they stand before the body, as JSON. */
  readonly texts: EventTexts | null;
  /** How many bytes stand before the body. */
  readonly textsSize: number;
  /** The body's size. */
  readonly size: number;
  /** The body's SHA-256. */
  readonly digest: Uint8Array;
  /** Under which the parts of the bytes are stored. */
  readonly content: string;
  /** Absent from an event that a version without it stored. */
  readonly traceParent?: string | null;
}

/** How an event stands. Every change of its deliveries changes it. */
export interface StatusRecord {
  readonly superseded: boolean;
  /** How many there are, those left out that were withdrawn. */
  readonly deliveries: StorageStats["deliveries"];
}

/** A delivery. `dueAt` is the time in its entry among those that are due, if it has one. */
export interface DeliveryRecord {
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly fence: number;
  readonly dueAt: number;
  readonly endedAt: number | null;
  readonly lastError: string | null;
  /**
   * When the attempt was claimed that runs, or that succeeded. Else null, as an {@linkcode AttemptRecord}
   * tells of it; absent from what a version without it wrote.
   */
  readonly startedAt?: number | null;
}

/** A delivery that was never run. */
export function newDelivery(dueAt: number): DeliveryRecord {
  return {
    state: "pending",
    attempts: 0,
    fence: 0,
    dueAt,
    endedAt: null,
    lastError: null,
    startedAt: null,
  };
}

/** An attempt that ended, but for a success that its delivery stands at: that is in its record. */
export type AttemptRecord = Omit<Attempt, "processor">;

/** What is known of a dedupe key. */
export interface KeyRecord {
  readonly eventId: string;
}

/** The accepted events of a job that are stored. Every change of them changes it. */
export interface JobRecord {
  /** How many there are, those included that are superseded. */
  readonly ends: number;
  /** How many successes there are. */
  readonly succeeded: number;
  /** The ids of failures that a success would supersede, the last {@linkcode maxFailures}. */
  readonly failed: readonly string[];
}

/** A success supersedes them in the commit that stores it, and a commit has 100 checks. */
export const maxFailures = 90;

/** What a filter asks of an event that never changes, as it came. */
export type EventKind = Pick<NewEvent, "state" | "event" | "patternId">;

/** An event in the order in which they were stored. */
export interface OrderRecord {
  readonly id: string;
  readonly receivedAt: number;
  /** Absent where its texts are long, and from what a version without it wrote. */
  readonly kind?: EventKind;
}

/** A dead delivery, or one that was when its event was superseded. */
export interface DeadRecord extends OrderRecord {
  readonly endedAt: number;
  /** What it died of. Absent where it is long, and from what a version without it wrote. */
  readonly error?: string;
}

// So that an index is read in a fraction of the time that the events themselves take.
const maxIndexedLength = 1_000;

/** What is stored of an event in each order. */
export function orderOf({ id, receivedAt, state, texts }: EventRecord): OrderRecord {
  const { event = null, patternId = null } = texts ?? {};
  const length = (event?.length ?? 0) + (patternId?.length ?? 0);
  if (texts === null || length > maxIndexedLength) return { id, receivedAt };
  return { id, receivedAt, kind: { state, event, patternId } };
}

/** What is stored of a dead delivery beside its own record. */
export function deadOf(event: EventRecord, { endedAt, lastError }: DeliveryRecord): DeadRecord {
  const dead = { ...orderOf(event), endedAt: endedAt ?? 0 };
  const error = lastError ?? "";
  return error.length <= maxIndexedLength ? { ...dead, error } : dead;
}

/** A rejection that is kept. */
export interface RejectionRecord extends Rejection {
  readonly storedAt: number;
  /** Under which the parts of its body are stored. */
  readonly content: string;
}

/** What is kept of rejections. Every change of them changes it. */
export interface KeptRecord {
  readonly count: number;
  /** Of all bodies together. */
  readonly bytes: number;
}

/** Parts that are being written, or deleted. */
export interface UploadRecord {
  readonly startedAt: number;
  readonly parts: number;
}
