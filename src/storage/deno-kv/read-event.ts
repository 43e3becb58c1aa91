import type { Delivery, EventState, StoredEvent } from "../storage.ts";
import { readTexts } from "./content.ts";
import { keysOfEvent, processorOf } from "./keys.ts";
import type { DenoKv, DenoKvEntry, DenoKvKey } from "./kv.ts";
import type { DeliveryRecord, EventRecord, StatusRecord } from "./records.ts";

/** An event as it is at one moment. */
export interface EventSnapshot {
  /** The entry of {@linkcode EventRecord}, which is there. */
  readonly entry: DenoKvEntry & { readonly versionstamp: string };
  readonly record: EventRecord;
  /** The entry of {@linkcode StatusRecord}, which is there. */
  readonly statusEntry: DenoKvEntry;
  readonly status: StatusRecord;
  /** The entry of the counter of duplicates. */
  readonly duplicatesEntry: DenoKvEntry;
  readonly state: EventState;
  readonly duplicates: number;
  /** By the names of their processors, those included that were withdrawn. */
  readonly deliveries: readonly (DeliveryRecord & { readonly processor: string })[];
}

/** Reads all of an event but its bytes. */
export async function readEvent(kv: DenoKv, id: string): Promise<EventSnapshot | undefined> {
  const of = await keysOfEvent(id);
  const entries: DenoKvEntry[] = [];
  // In one batch, which is one moment, unless it has hundreds of deliveries.
  for await (const entry of kv.list({ prefix: of.prefix }, { batchSize: 500 })) entries.push(entry);
  const at = (key: DenoKvKey) => entries.find((entry) => entry.key[3] === key[3]);
  const entry = at(of.record);
  const statusEntry = at(of.status);
  if (!entry || !statusEntry || entry.versionstamp === null) return undefined;
  const record = entry.value as EventRecord;
  const status = statusEntry.value as StatusRecord;
  const duplicatesEntry = at(of.duplicates) ??
    { key: of.duplicates, value: null, versionstamp: null };
  const duplicates = duplicatesEntry.value as { readonly value: bigint } | null;
  return {
    entry: { ...entry, versionstamp: entry.versionstamp },
    record,
    statusEntry,
    status,
    duplicatesEntry,
    state: status.superseded ? "superseded" : record.state,
    duplicates: Number(duplicates?.value ?? 0),
    deliveries: entries.flatMap(({ key, value }) => {
      const processor = processorOf(key);
      return processor === undefined ? [] : [{ ...value as DeliveryRecord, processor }];
    }),
  };
}

/** The deliveries of an event that were not withdrawn when it was superseded. */
export function standing({ state, deliveries }: EventSnapshot): EventSnapshot["deliveries"] {
  return deliveries.filter((delivery) =>
    state !== "superseded" || delivery.state === "running" || delivery.state === "succeeded"
  );
}

/** An event as a caller sees it; undefined where it was deleted meanwhile. */
export async function describeEvent(
  kv: DenoKv,
  snapshot: EventSnapshot,
): Promise<StoredEvent | undefined> {
  const { record, state, duplicates } = snapshot;
  const texts = await readTexts(kv, record);
  return texts && {
    id: record.id,
    key: texts.key,
    state,
    origin: record.origin,
    event: texts.event,
    jobId: texts.jobId,
    patternId: texts.patternId,
    receivedAt: record.receivedAt,
    size: record.size,
    duplicates,
    traceParent: record.traceParent ?? null,
    deliveries: standing(snapshot).map((
      { processor, state, attempts, dueAt, endedAt, lastError },
    ): Delivery => ({
      processor,
      state,
      attempts,
      dueAt: state === "pending" || state === "running" ? dueAt : null,
      endedAt,
      lastError,
    })),
  };
}
