import type { StorageStats } from "../storage.ts";
import { readCounts } from "./counts.ts";
import { isStanding } from "./dead.ts";
import { keys, keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvEntry } from "./kv.ts";
import type { KeptRecord } from "./records.ts";

/** Counts what there is: {@linkcode Storage.stats}. */
export async function stats(kv: DenoKv, now: () => number): Promise<StorageStats> {
  const [counts, overdue, oldestDueAt, lastReceivedAt, [kept]] = await Promise.all([
    readCounts(kv),
    countOverdue(kv, now()),
    findOldestDue(kv, now()),
    findLastReceipt(kv),
    kv.getMany([keys.kept]),
  ]);
  const { events, deliveries, duplicates, expectations } = counts;
  return {
    events,
    deliveries,
    duplicates,
    oldestDueAt,
    lastReceivedAt,
    // The two were not counted at one moment.
    expectations: { waiting: Math.max(0, expectations - overdue), overdue },
    rejections: (kept?.value as KeptRecord | null | undefined)?.count ?? 0,
  };
}

async function countOverdue(kv: DenoKv, time: number): Promise<number> {
  let count = 0;
  const selector = { prefix: keys.deadlines, end: keys.deadlineUntil(time) };
  for await (const _ of kv.list(selector, { batchSize: 500 })) count++;
  return count;
}

async function findLastReceipt(kv: DenoKv): Promise<number | null> {
  for await (const { key } of kv.list({ prefix: keys.receipts }, { limit: 1, reverse: true })) {
    return Number(key[2]);
  }
  return null;
}

/** Goes from processor to processor, and looks at the first of each that is due. */
async function findOldestDue(kv: DenoKv, time: number): Promise<number | null> {
  let oldest: number | null = null;
  let first = await firstDue(kv, undefined);
  while (first !== undefined) {
    const processor = String(first.key[2]);
    const dueAt = await oldestOf(kv, processor, time);
    if (dueAt !== null) oldest = Math.min(dueAt, oldest ?? dueAt);
    first = await firstDue(kv, processor);
  }
  return oldest;
}

/** The first entry of the processors behind one. */
async function firstDue(
  kv: DenoKv,
  after: string | undefined,
): Promise<DenoKvEntry | undefined> {
  const prefix = keys.allDues;
  const selector = after === undefined ? { prefix } : { prefix, start: keys.behindDues(after) };
  for await (const entry of kv.list(selector, { limit: 1 })) return entry;
  return undefined;
}

async function oldestOf(kv: DenoKv, processor: string, time: number): Promise<number | null> {
  const selector = { prefix: keys.dues(processor), end: keys.dueUntil(processor, time) };
  for await (const { key, value } of kv.list(selector, { batchSize: 10 })) {
    const [status] = await kv.getMany([(await keysOfEvent(String(value))).status]);
    // What was withdrawn stays until a claim comes upon it.
    if (status && isStanding(status)) return Number(key[3]);
  }
  return null;
}
