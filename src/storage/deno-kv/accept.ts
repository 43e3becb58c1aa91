import type { Acceptance, NewEvent } from "../storage.ts";
import { createUpload, type Upload } from "./content.ts";
import { count } from "./counts.ts";
import { fulfil } from "./fulfil.ts";
import { enterJob } from "./job.ts";
import { digestOf, type EventKeys, type KeyPart, keyPart, keys, keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvAtomic, DenoKvEntry } from "./kv.ts";
import { readEvent } from "./read-event.ts";
import {
  type EventRecord,
  type EventTexts,
  type KeyRecord,
  newDelivery,
  orderOf,
  type StatusRecord,
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
  const jobId = event.jobId === null ? undefined : await keyPart(event.jobId);
  const endOf = event.state === "accepted" ? jobId : undefined;
  const jobKey = endOf === undefined ? keys.nothing : keys.job(endOf);
  const expectationKey = endOf === undefined ? keys.nothing : keys.expectation(endOf);
  const digest = await digestOf(event.body);
  const texts = textsOf(event);
  let upload: Upload | undefined;
  try {
    return await untilCommitted(async () => {
      const [known, job, expectation] = await kv.getMany(
        [dedupe, jobKey, expectationKey],
      ) as [DenoKvEntry, DenoKvEntry, DenoKvEntry];
      const knownAs = known.value as KeyRecord | null;
      if (knownAs) return await acceptKnown(kv, event, knownAs.eventId, digest, expectation);

      upload ??= createUpload(kv, joined(texts.bytes, event.body), now());
      await upload.prepare(signal);
      const record: EventRecord = {
        id: event.id,
        state: event.state,
        origin: event.origin,
        receivedAt: event.receivedAt,
        texts: texts.record,
        textsSize: texts.bytes.length,
        size: event.body.length,
        digest,
        content: upload.content,
        traceParent: event.traceParent,
      };
      const atomic = kv.atomic()
        .check({ key: dedupe, versionstamp: null }, { key: of.record, versionstamp: null })
        .set(dedupe, { eventId: event.id } satisfies KeyRecord)
        .set(of.record, record);
      enterOrder(kv, atomic, record, jobId);
      upload.attach(atomic);
      const superseded = endOf !== undefined && await enterJob(kv, atomic, event, job);
      if (endOf !== undefined) fulfil(atomic, expectation);
      const processors = superseded ? [] : [...new Set(event.processors)];
      addDeliveries(kv, atomic, event.id, processors, of, Math.floor(now()));
      const pending = processors.length;
      const deliveries = { pending, running: 0, succeeded: 0, dead: 0 };
      const state = superseded ? "superseded" : event.state;
      atomic.set(of.status, { superseded, deliveries } satisfies StatusRecord);
      count(atomic, { events: { [state]: 1 }, deliveries: { pending } });
      if (!(await atomic.commit()).ok) return undefined;
      upload = undefined;
      return { id: event.id, duplicate: false, state, identical: true };
    }, signal);
  } finally {
    await upload?.discard();
  }
}

/** Undefined: the first one, or what is awaited, was changed or deleted since it was read. */
async function acceptKnown(
  kv: DenoKv,
  { id, state }: NewEvent,
  eventId: string,
  digest: Uint8Array,
  expectation: DenoKvEntry,
): Promise<Acceptance | undefined> {
  const duplicate = eventId !== id;
  const first = await readEvent(kv, eventId);
  const atomic = kv.atomic();
  const isFulfilled = fulfil(atomic, expectation);
  const isCounted = duplicate && first !== undefined;
  if (isCounted) {
    // The check keeps the count from outliving the event.
    atomic.check(first.entry).sum((await keysOfEvent(eventId)).duplicates, 1n);
    count(atomic, { duplicates: 1 });
  }
  if ((isFulfilled || isCounted) && !(await atomic.commit()).ok) return undefined;
  if (first === undefined) return { id: eventId, duplicate, state, identical: true };
  const identical = first.record.digest.every((byte, index) => byte === digest[index]);
  return { id: eventId, duplicate, state: first.state, identical };
}

/** Adds an event to what it is found by. */
function enterOrder(
  kv: DenoKv,
  atomic: DenoKvAtomic,
  record: EventRecord,
  jobId: KeyPart | undefined,
): void {
  const { state, receivedAt } = record;
  const place = kv.commitVersionstamp();
  const order = orderOf(record);
  atomic.set(keys.order(place), order).set(keys.receipt(receivedAt, place), true);
  if (jobId !== undefined) atomic.set(keys.ofJob(jobId, place), order);
  if (state !== "accepted") atomic.set(keys.ofState(state, place), order);
}

function addDeliveries(
  kv: DenoKv,
  atomic: DenoKvAtomic,
  id: string,
  processors: readonly string[],
  of: EventKeys,
  dueAt: number,
): void {
  const pending = newDelivery(dueAt);
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
