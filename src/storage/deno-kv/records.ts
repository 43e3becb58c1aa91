import type { Rejection } from "../rejections.ts";
import type { DeliveryState, NewEvent, StorageStats } from "../storage.ts";

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
}

/** A delivery that was never run. */
export function newDelivery(dueAt: number): DeliveryRecord {
  return { state: "pending", attempts: 0, fence: 0, dueAt, endedAt: null, lastError: null };
}

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

/** An event in the order in which they were stored. */
export interface OrderRecord {
  readonly id: string;
  readonly receivedAt: number;
}

/** A dead delivery, or one that was when its event was superseded. */
export interface DeadRecord extends OrderRecord {
  readonly endedAt: number;
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
