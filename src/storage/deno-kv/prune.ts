import { keyRetentionMs } from "../storage.ts";
import { deleteContent, readTexts, removeUpload } from "./content.ts";
import { keyPart, keys, keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvEntry } from "./kv.ts";
import { type EventSnapshot, readEvent, standing } from "./read-event.ts";
import type { EventTexts, JobRecord, KeyRecord, OrderRecord, UploadRecord } from "./records.ts";
import { untilCommitted } from "./until-committed.ts";

// No upload takes as long: what is older belongs to a process that is gone.
const uploadsLastMs = 24 * 3_600_000;
const atOnce = 20;

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
  for await (const { value } of kv.list({ prefix: keys.orders }, { batchSize: 100 })) {
    const { id, receivedAt } = value as OrderRecord;
    if (receivedAt < receivedBefore) batch.push(id);
    if (batch.length === Math.min(atOnce, limit - pruned)) await pruneBatch();
    if (pruned === limit) break;
  }
  await pruneBatch();
  return pruned;
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
    const atomic = kv.atomic()
      .check(event.entry)
      .delete(keys.order(event.entry.versionstamp))
      .set(keys.dedupe(key), { eventId: id } satisfies KeyRecord)
      .set(keys.expiry(expiresAt, key), true);
    // Also those that were not there: a duplicate may be counted meanwhile.
    for (const each of [of.record, of.superseded, of.duplicates]) atomic.delete(each);
    for (const { processor, dueAt } of event.deliveries) {
      atomic.delete(of.delivery(processor));
      atomic.delete(keys.due(processor, dueAt, event.entry.versionstamp));
    }
    const removeRest = deleteContent(atomic, event.record, time);
    const [job] = texts.jobId === null || event.record.state !== "accepted"
      ? []
      : await kv.getMany([keys.job(await keyPart(texts.jobId))]);
    if (job?.value) {
      const left = without(job.value as JobRecord, id, texts);
      atomic.check(job);
      if (left.succeeded > 0 || left.failed.length > 0) atomic.set(job.key, left);
      else atomic.delete(job.key);
    }
    const committed = await atomic.commit();
    if (!committed.ok) return undefined;
    await removeRest(kv, committed.versionstamp);
    return true;
  });
}

function isDone(event: EventSnapshot): boolean {
  return event.state !== "quarantined" &&
    standing(event).every(({ state }) => state === "succeeded");
}

function without({ succeeded, failed }: JobRecord, id: string, { event }: EventTexts): JobRecord {
  return {
    succeeded: event === "job.succeeded" ? succeeded - 1 : succeeded,
    failed: failed.filter((each) => each !== id),
  };
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
  let batch: DenoKvEntry[] = [];
  const workOff = async () => {
    await Promise.all(batch.map((entry) =>
      untilCommitted(async () => {
        await work(entry);
        return true;
      })
    ));
    batch = [];
  };
  for await (const entry of entries) {
    batch.push(entry);
    if (batch.length === atOnce) await workOff();
  }
  await workOff();
}
