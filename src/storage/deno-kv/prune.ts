import { keyRetentionMs } from "../storage.ts";
import { attemptKeys } from "./attempts.ts";
import { deleteContent, readTexts, removeUpload } from "./content.ts";
import { batches } from "./batches.ts";
import { indexKey } from "./change.ts";
import { count } from "./counts.ts";
import { getAll } from "./get-all.ts";
import { leaveJob } from "./job.ts";
import { keyPart, keys, keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvAtomic, DenoKvEntry, DenoKvKey } from "./kv.ts";
import { type EventSnapshot, readEvent, standing } from "./read-event.ts";
import type { KeyRecord, OrderRecord, UploadRecord } from "./records.ts";
import { untilCommitted } from "./until-committed.ts";

// No upload takes as long: what is older belongs to a process that is gone.
const uploadsLastMs = 24 * 3_600_000;
const atOnce = 20;
// So many that are old are put in order at once.
const maxOld = 10_000;
// The keys of a commit may have 80 KiB in all; that of the event has those of its deliveries, too.
const attemptsPerCommit = 400;
const attemptsWithEvent = 20;

/** Deletes what is done: {@linkcode Storage.prune}. Each event is a commit of its own. */
export async function prune(
  kv: DenoKv,
  { receivedBefore, limit }: { readonly receivedBefore: number; readonly limit: number },
  now: () => number,
): Promise<number> {
  await forgetKeys(kv, now());
  await removeOldUploads(kv, now());
  let pruned = 0;
  let batch: string[] = [];
  const pruneBatch = async () => {
    const done = await Promise.all(batch.map((id) => pruneEvent(kv, id, now())));
    pruned += done.filter(Boolean).length;
    batch = [];
  };
  for await (const id of listOld(kv, receivedBefore)) {
    batch.push(id);
    if (batch.length === Math.min(atOnce, limit - pruned)) await pruneBatch();
    if (pruned === limit) break;
  }
  await pruneBatch();
  return pruned;
}

/** The events received before a time, the first stored first. */
async function* listOld(kv: DenoKv, receivedBefore: number): AsyncGenerator<string> {
  const places: string[] = [];
  const received = { prefix: keys.receipts, end: keys.receivedFrom(receivedBefore) };
  for await (const { key } of kv.list(received, { limit: maxOld + 1, batchSize: 500 })) {
    places.push(String(key.at(-1)));
  }
  if (places.length <= maxOld) {
    places.sort();
    for (let from = 0; from < places.length; from += 100) {
      const orders = places.slice(from, from + 100).map((place) => keys.order(place));
      for (const { value } of await getAll(kv, orders)) {
        if (value !== null) yield (value as OrderRecord).id;
      }
    }
    return;
  }
  // Where most are old they are found sooner among all.
  for await (const { value } of kv.list({ prefix: keys.orders }, { batchSize: 100 })) {
    const { id, receivedAt } = value as OrderRecord;
    if (receivedAt < receivedBefore) yield id;
  }
}

/** Deletes an event if there is nothing left to do for it. */
async function pruneEvent(kv: DenoKv, id: string, time: number): Promise<boolean> {
  const of = await keysOfEvent(id);
  return await untilCommitted(async () => {
    const event = await readEvent(kv, id);
    if (event === undefined || !isDone(event)) return false;
    const texts = await readTexts(kv, event.record);
    if (texts === undefined) return false;
    const key = await keyPart(texts.key);
    const expiresAt = time + keyRetentionMs;
    const place = event.entry.versionstamp;
    const { receivedAt, state } = event.record;
    const atomic = kv.atomic()
      .check(event.entry, event.statusEntry, event.duplicatesEntry)
      .set(keys.dedupe(key), { eventId: id } satisfies KeyRecord)
      .set(keys.expiry(expiresAt, key), true)
      .delete(keys.order(place))
      .delete(keys.receipt(receivedAt, place));
    if (state !== "accepted") atomic.delete(keys.ofState(state, place));
    for (const each of [of.record, of.status, of.duplicates]) atomic.delete(each);
    for (const delivery of event.deliveries) {
      atomic.delete(of.delivery(delivery.processor));
      const index = indexKey(delivery, delivery.processor, place);
      if (index !== undefined) atomic.delete(index);
    }
    const attempts = event.deliveries.flatMap((each) => attemptKeys(of, each.processor, each));
    if (!(await deleteAttempts(kv, atomic, event.statusEntry, attempts))) return undefined;
    count(atomic, {
      events: { [event.state]: -1 },
      deliveries: { succeeded: -event.status.deliveries.succeeded },
      duplicates: -event.duplicates,
    });
    const removeRest = deleteContent(atomic, event.record, time);
    if (texts.jobId !== null) {
      const jobId = await keyPart(texts.jobId);
      atomic.delete(keys.ofJob(jobId, place));
      if (state === "accepted") {
        const [job] = await kv.getMany([keys.job(jobId)]) as [DenoKvEntry];
        leaveJob(atomic, job, id, texts);
      }
    }
    const committed = await atomic.commit();
    if (!committed.ok) return undefined;
    await removeRest(kv, committed.versionstamp);
    return true;
  });
}

/**
 * Adds the deletion of attempts to the commit that deletes their event or, where they are many, makes
 * it before. False: a delivery of it was changed meanwhile.
 */
async function deleteAttempts(
  kv: DenoKv,
  atomic: DenoKvAtomic,
  status: DenoKvEntry,
  keys: readonly DenoKvKey[],
): Promise<boolean> {
  const before = keys.length > attemptsWithEvent ? keys.length : 0;
  for (let from = 0; from < before; from += attemptsPerCommit) {
    const early = kv.atomic().check(status);
    for (const key of keys.slice(from, from + attemptsPerCommit)) early.delete(key);
    if (!(await early.commit()).ok) return false;
  }
  for (const key of keys.slice(before)) atomic.delete(key);
  return true;
}

function isDone(event: EventSnapshot): boolean {
  return event.state !== "quarantined" &&
    standing(event).every(({ state }) => state === "succeeded");
}

async function forgetKeys(kv: DenoKv, time: number): Promise<void> {
  const selector = { prefix: keys.expiries, end: keys.expiredUntil(time) };
  await forEach(kv.list(selector), async (expiry) => {
    const key = keys.dedupe(expiry.key.at(-1) as string | Uint8Array<ArrayBuffer>);
    // The check: another prune may have been here, and the key be that of a new event by now.
    await kv.atomic().check(expiry).delete(expiry.key).delete(key).commit();
  });
}

async function removeOldUploads(kv: DenoKv, time: number): Promise<void> {
  await forEach(kv.list({ prefix: keys.uploads }), async (upload) => {
    const { startedAt } = upload.value as UploadRecord;
    if (startedAt <= time - uploadsLastMs) await removeUpload(kv, upload);
  });
}

/** Does something with every entry, with some of them at once. */
async function forEach(
  entries: AsyncIterable<DenoKvEntry>,
  work: (entry: DenoKvEntry) => Promise<void>,
): Promise<void> {
  for await (const batch of batches(entries, atOnce)) {
    await Promise.all(batch.map((entry) =>
      untilCommitted(async () => {
        await work(entry);
        return true;
      })
    ));
  }
}
