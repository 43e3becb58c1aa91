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
  /** True, where the event is superseded. */
  readonly superseded: DenoKvKey;
  /** A counter of 64 bits. */
  readonly duplicates: DenoKvKey;
  /** {@linkcode DeliveryRecord} of a processor. */
  delivery(processor: string): DenoKvKey;
}

/** The keys of the event of this id. */
export async function keysOfEvent(id: string): Promise<EventKeys> {
  const prefix = [root, "event", await keyPart(id)];
  return {
    prefix,
    record: [...prefix, "record"],
    superseded: [...prefix, "superseded"],
    duplicates: [...prefix, "duplicates"],
    delivery: (processor) => [...prefix, "delivery", processor],
  };
}

/** The processor that the key of a delivery names; undefined for another key. */
export function processorOf(key: DenoKvKey): string | undefined {
  return key[3] === "delivery" ? String(key[4]) : undefined;
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
  /** The id of an event with a delivery that may run, or whose lease ends, at a time. */
  due: (processor: string, time: number, place: string | symbol): DenoKvKey => [
    root,
    "due",
    processor,
    time,
    place,
  ],
  dues: (processor: string): DenoKvKey => [root, "due", processor],
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
  /** Nothing is ever there. */
  nothing: [root, "nothing"] as DenoKvKey,
};
