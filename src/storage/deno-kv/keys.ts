import type { DenoKvKey } from "./kv.ts";

const root = "imggo_webhooks";

/** A text of any length as a part of a key. */
export type KeyPart = string | Uint8Array<ArrayBuffer>;

/**
 * A text as a part of a key, which may have 2 KiB in all: a long one by its digest. Bytes never
 * equal a text, so that no short text can pass for a long one.
 */
export async function keyPart(text: string): Promise<KeyPart> {
  return text.length <= 100 ? text : await digestOf(new TextEncoder().encode(text));
}

/** What two sequences of bytes are compared by. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** The keys of one event. */
export interface EventKeys {
  /** Before all of them, so that one read gives the event as it is at one moment. */
  readonly prefix: DenoKvKey;
  /** {@linkcode EventRecord}, never changed: its versionstamp is the event's place in the order. */
  readonly record: DenoKvKey;
  /** {@linkcode StatusRecord}, there as long as the event is. */
  readonly status: DenoKvKey;
  /** A counter of 64 bits. */
  readonly duplicates: DenoKvKey;
  /** {@linkcode DeliveryRecord} of a processor. */
  delivery(processor: string): DenoKvKey;
  /** {@linkcode AttemptRecord} of a processor, by the fence of its claim. Not below the prefix. */
  attempt(processor: string, fence: number): DenoKvKey;
  readonly attempts: DenoKvKey;
}

/** The keys of the event of this id. */
export async function keysOfEvent(id: string): Promise<EventKeys> {
  const part = await keyPart(id);
  const prefix = [root, "event", part];
  const attempts = [root, "attempt", part];
  return {
    prefix,
    record: [...prefix, "record"],
    status: [...prefix, "status"],
    duplicates: [...prefix, "duplicates"],
    delivery: (processor) => [...prefix, "delivery", processor],
    attempt: (processor, fence) => [...attempts, processor, fence],
    attempts,
  };
}

/** The processor that the key of a delivery names; undefined for another key. */
export function processorOf(key: DenoKvKey): string | undefined {
  return key[3] === "delivery" ? String(key[4]) : undefined;
}

/** The part of a key that names a job: its last one. */
export function jobOf(key: DenoKvKey): KeyPart {
  return key.at(-1) as KeyPart;
}

/** Right behind an entry, as a start of a list. */
export function behind(key: DenoKvKey): DenoKvKey {
  return [...key, 0];
}

/** The keys of everything that is not below an event. */
export const keys = {
  /** {@linkcode KeyRecord} of a dedupe key. */
  dedupe: (key: KeyPart): DenoKvKey => [root, "dedupe", key],
  /** The dedupe key as the last part, of those that are forgotten at a time. */
  expiry: (time: number, key: KeyPart): DenoKvKey => [root, "expiry", time, key],
  expiries: [root, "expiry"] as DenoKvKey,
  /** Behind every key that expires until a time. */
  expiredUntil: (time: number): DenoKvKey => [root, "expiry", Math.floor(time) + 1],
  /** {@linkcode JobRecord}. */
  job: (jobId: KeyPart): DenoKvKey => [root, "job", jobId],
  /** {@linkcode OrderRecord}, as the events were stored. */
  order: (place: string | symbol): DenoKvKey => [root, "order", place],
  orders: [root, "order"] as DenoKvKey,
  /** {@linkcode OrderRecord} of the events that name a job, as they were stored. */
  ofJob: (jobId: KeyPart, place: string | symbol): DenoKvKey => [root, "ofJob", jobId, place],
  ofJobs: (jobId: KeyPart): DenoKvKey => [root, "ofJob", jobId],
  /** {@linkcode OrderRecord} of the events that came in a state, as they were stored. */
  ofState: (state: string, place: string | symbol): DenoKvKey => [root, "ofState", state, place],
  ofStates: (state: string): DenoKvKey => [root, "ofState", state],
  /** True, by the time of receipt. */
  receipt: (time: number, place: string | symbol): DenoKvKey => [root, "receipt", time, place],
  receipts: [root, "receipt"] as DenoKvKey,
  /** Before everything that was received at a time, or later. */
  receivedFrom: (time: number): DenoKvKey => [root, "receipt", time],
  /** {@linkcode DeadRecord}, in the order of the events. */
  dead: (place: string, processor: string): DenoKvKey => [root, "dead", place, processor],
  deads: [root, "dead"] as DenoKvKey,
  /** A counter of 64 bits. */
  count: (kind: string, state: string): DenoKvKey => [root, "count", kind, state],
  counts: [root, "count"] as DenoKvKey,
  /** The id of an event with a delivery that may run, or whose lease ends, at a time. */
  due: (processor: string, time: number, place: string | symbol): DenoKvKey => [
    root,
    "due",
    processor,
    time,
    place,
  ],
  dues: (processor: string): DenoKvKey => [root, "due", processor],
  allDues: [root, "due"] as DenoKvKey,
  /** Behind every delivery of a processor. */
  behindDues: (processor: string): DenoKvKey => [root, "due", processor, true],
  /** Behind every delivery of a processor that is due at a time. */
  dueUntil: (processor: string, time: number): DenoKvKey => [
    root,
    "due",
    processor,
    Math.floor(time) + 1,
  ],
  /** A part of an event's bytes. */
  part: (content: string, index: number): DenoKvKey => [root, "part", content, index],
  parts: (content: string): DenoKvKey => [root, "part", content],
  /** {@linkcode UploadRecord}: parts of no event, or of none yet. */
  upload: (content: string): DenoKvKey => [root, "upload", content],
  uploads: [root, "upload"] as DenoKvKey,
  /** {@linkcode Expectation} of a job. */
  expectation: (jobId: KeyPart): DenoKvKey => [root, "expectation", jobId],
  /** The id of a job, by when ImgGo is to be asked. */
  ask: (time: number, jobId: KeyPart): DenoKvKey => [root, "ask", time, jobId],
  asks: [root, "ask"] as DenoKvKey,
  /** Behind everything that is to be asked at a time. */
  askUntil: (time: number): DenoKvKey => [root, "ask", Math.floor(time) + 1],
  /** The id of a job, by the deadline. */
  deadline: (time: number, jobId: KeyPart): DenoKvKey => [root, "deadline", time, jobId],
  deadlines: [root, "deadline"] as DenoKvKey,
  /** Behind every deadline until a time. */
  deadlineUntil: (time: number): DenoKvKey => [root, "deadline", Math.floor(time) + 1],
  /** True: its versionstamp is the rejection's place among those that are kept. */
  rejectionPlace: (id: KeyPart): DenoKvKey => [root, "rejectionPlace", id],
  /** {@linkcode RejectionRecord}, as they were stored. */
  rejection: (place: string | symbol): DenoKvKey => [root, "rejection", place],
  rejections: [root, "rejection"] as DenoKvKey,
  /** A counter of 64 bits of what happened within a minute. */
  activity: (startsAt: number, name: string): DenoKvKey => [root, "activity", startsAt, name],
  activities: [root, "activity"] as DenoKvKey,
  /** Before everything that happened in a minute, or later. */
  activityFrom: (startsAt: number): DenoKvKey => [root, "activity", startsAt],
  /** {@linkcode KeptRecord}. */
  kept: [root, "kept"] as DenoKvKey,
  /** Nothing is ever there. */
  nothing: [root, "nothing"] as DenoKvKey,
};
