import type { Acceptance, NewEvent } from "../storage.ts";
import { createUpload, type Upload } from "./content.ts";
import { digestOf, type EventKeys, keyPart, keys, keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvAtomic, DenoKvEntry } from "./kv.ts";
import { readEvent } from "./read-event.ts";
import {
  type DeliveryRecord,
  type EventRecord,
  type EventTexts,
  type JobRecord,
  type KeyRecord,
  maxFailures,
  type OrderRecord,
} from "./records.ts";
import { untilCommitted } from "./until-committed.ts";

// Two bytes each at the most, and so well below what a value may have.
const maxTextLength = 20_000;

/** Stores an event, or counts a duplicate: {@linkcode Storage.accept}. */
export async function accept(
  kv: DenoKv,
  event: NewEvent,
  now: () => number,
  signal?: AbortSignal,
): Promise<Acceptance> {
  const of = await keysOfEvent(event.id);
  const dedupe = keys.dedupe(await keyPart(event.key));
  const jobKey = isEnd(event) ? keys.job(await keyPart(event.jobId)) : undefined;
  const digest = await digestOf(event.body);
  const texts = textsOf(event);
  let upload: Upload | undefined;
  try {
    return await untilCommitted(async () => {
      const [known, job] = await kv.getMany([dedupe, jobKey ?? keys.nothing]);
      const knownAs = known?.value as KeyRecord | null | undefined;
      if (knownAs) return await acceptKnown(kv, event, knownAs.eventId, digest);

      upload ??= createUpload(kv, joined(texts.bytes, event.body), now());
      await upload.prepare(signal);
      const record: EventRecord = {
        id: event.id,
        state: event.state,
        receivedAt: event.receivedAt,
        texts: texts.record,
        textsSize: texts.bytes.length,
        size: event.body.length,
        digest,
        content: upload.content,
      };
      const order: OrderRecord = { id: event.id, receivedAt: event.receivedAt };
      const atomic = kv.atomic()
        .check({ key: dedupe, versionstamp: null }, { key: of.record, versionstamp: null })
        .set(dedupe, { eventId: event.id } satisfies KeyRecord)
        .set(of.record, record)
        .set(keys.order(kv.commitVersionstamp()), order);
      upload.attach(atomic);
      const late = jobKey !== undefined && job !== undefined &&
        await enterJob(atomic, event, of, job);
      if (!late) addDeliveries(kv, atomic, event, of, Math.floor(now()));
      if (!(await atomic.commit()).ok) return undefined;
      upload = undefined;
      const state = late ? "superseded" : event.state;
      return { id: event.id, duplicate: false, state, identical: true };
    }, signal);
  } finally {
    await upload?.discard();
  }
}

type JobEnd = NewEvent & { readonly jobId: string };

/** Whether it is one of the two ends that a job may have. */
function isEnd(event: NewEvent): event is JobEnd {
  return event.state === "accepted" && event.jobId !== null &&
    (event.event === "job.succeeded" || event.event === "job.failed");
}

/** Undefined: the first one was changed or deleted between the read and the write. */
async function acceptKnown(
  kv: DenoKv,
  { id, state }: NewEvent,
  eventId: string,
  digest: Uint8Array,
): Promise<Acceptance | undefined> {
  const duplicate = eventId !== id;
  const first = await readEvent(kv, eventId);
  if (first === undefined) return { id: eventId, duplicate, state, identical: true };
  if (duplicate) {
    const { duplicates } = await keysOfEvent(eventId);
    // A sum conflicts with no other one; the check keeps it from outliving the event.
    const { ok } = await kv.atomic().check(first.entry).sum(duplicates, 1n).commit();
    if (!ok) return undefined;
  }
  const identical = first.record.digest.every((byte, index) => byte === digest[index]);
  return { id: eventId, duplicate, state: first.state, identical };
}

/**
 * Enters an event among those of its job, and supersedes what it has to.
 *
 * @returns Whether the event itself is superseded.
 */
async function enterJob(
  atomic: DenoKvAtomic,
  { id, event }: NewEvent,
  { superseded }: EventKeys,
  job: DenoKvEntry,
): Promise<boolean> {
  const { succeeded, failed } = (job.value ?? { succeeded: 0, failed: [] }) as JobRecord;
  atomic.check(job);
  if (event === "job.failed" && succeeded > 0) {
    atomic.set(superseded, true);
    return true;
  }
  if (event === "job.succeeded") {
    for (const each of failed) atomic.set((await keysOfEvent(each)).superseded, true);
    atomic.set(job.key, { succeeded: succeeded + 1, failed: [] } satisfies JobRecord);
  } else {
    const entered: JobRecord = { succeeded, failed: [...failed, id].slice(-maxFailures) };
    atomic.set(job.key, entered);
  }
  return false;
}

function addDeliveries(
  kv: DenoKv,
  atomic: DenoKvAtomic,
  { id, processors }: NewEvent,
  of: EventKeys,
  dueAt: number,
): void {
  const pending: DeliveryRecord = {
    state: "pending",
    attempts: 0,
    fence: 0,
    dueAt,
    lastError: null,
  };
  for (const processor of processors) {
    atomic.set(of.delivery(processor), pending);
    atomic.set(keys.due(processor, dueAt, kv.commitVersionstamp()), id);
  }
}

/** The texts of an event in its record or, where they are too long for that, as bytes. */
function textsOf(
  { key, event, jobId, patternId }: NewEvent,
): { readonly record: EventTexts | null; readonly bytes: Uint8Array } {
  const texts: EventTexts = { key, event, jobId, patternId };
  const length = Object.values(texts).reduce((sum, text) => sum + (text?.length ?? 0), 0);
  if (length <= maxTextLength) return { record: texts, bytes: new Uint8Array() };
  return { record: null, bytes: new TextEncoder().encode(JSON.stringify(texts)) };
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
