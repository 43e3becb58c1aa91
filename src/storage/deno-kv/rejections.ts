import type { NewRejection, RejectionLimits, RejectionPage, Rejections } from "../rejections.ts";
import { createUpload, deleteContent, partsOf, readBody, type Upload } from "./content.ts";
import { createTurns } from "./in-turn.ts";
import { behind, keyPart, keys } from "./keys.ts";
import type { DenoKv, DenoKvAtomic, DenoKvEntry, DenoKvKey } from "./kv.ts";
import type { KeptRecord, RejectionRecord } from "./records.ts";
import { untilCommitted } from "./until-committed.ts";

// Of how many a commit has room to be forgotten, and of how many parts of their bodies.
const forgottenPerCommit = 100;
const partsPerCommit = 100;

/** Keeps rejections in Deno KV. Where many are beyond the limits, a commit forgets 100 of them. */
export function createRejections(
  kv: DenoKv,
  now: () => number,
  classified: <T>(work: Promise<T>) => Promise<T>,
): Rejections {
  const inTurn = createTurns();

  return {
    add: (rejection, limits) => {
      const copy = { ...rejection, body: rejection.body.slice() };
      return classified(inTurn("kept", () => add(kv, copy, limits, now)));
    },
    list: ({ limit, cursor }) => classified(list(kv, limit, cursor)),
    body: (id) => classified(body(kv, id)),
    remove: (id) => classified(inTurn("kept", () => remove(kv, id, now))),
  };
}

async function add(
  kv: DenoKv,
  rejection: NewRejection,
  limits: RejectionLimits,
  now: () => number,
): Promise<void> {
  const placeKey = keys.rejectionPlace(await keyPart(rejection.id));
  const size = rejection.body.byteLength;
  const fits = size <= limits.maxBytes && limits.maxCount > 0 && limits.maxAgeMs > 0;
  let upload: Upload | undefined;
  try {
    const addOrForget = async (): Promise<boolean | undefined> => {
      const [kept, known] = await kv.getMany([keys.kept, placeKey]) as [DenoKvEntry, DenoKvEntry];
      const isAdded = fits && known.value === null;
      const added = isAdded ? { count: 1, bytes: size } : { count: 0, bytes: 0 };
      const beyond = await listBeyond(kv, kept, limits, added, now());
      if (!isAdded && beyond.length === 0) return true;
      const isLast = beyond.length < forgottenPerCommit;
      const atomic = kv.atomic().check(known);
      if (isAdded && isLast) {
        upload ??= createUpload(kv, rejection.body, now());
        await upload.prepare();
        upload.attach(atomic);
        const record: RejectionRecord = {
          id: rejection.id,
          receivedAt: rejection.receivedAt,
          signature: rejection.signature,
          size,
          storedAt: now(),
          content: upload.content,
        };
        atomic.set(placeKey, true).set(keys.rejection(kv.commitVersionstamp()), record);
      }
      const change = isLast ? added : { count: 0, bytes: 0 };
      const isDone = await forget(kv, atomic, kept, beyond, change, now());
      if (!isDone) return undefined;
      if (isAdded && isLast) upload = undefined;
      return isLast;
    };
    while (!(await untilCommitted(addOrForget)));
  } finally {
    await upload?.discard();
  }
}

interface KeptRejection {
  readonly key: DenoKvKey;
  readonly record: RejectionRecord;
}

/** Those stored first that have to go, as many as a commit has room for. */
async function listBeyond(
  kv: DenoKv,
  kept: DenoKvEntry,
  { maxCount, maxBytes, maxAgeMs }: RejectionLimits,
  added: KeptRecord,
  time: number,
): Promise<KeptRejection[]> {
  const left = keptOf(kept);
  // What is listed all the same came since: nothing tells one absence of the record from another.
  if (left.count === 0) return [];
  let count = left.count + added.count;
  let bytes = left.bytes + added.bytes;
  const beyond: KeptRejection[] = [];
  const options = { limit: forgottenPerCommit, batchSize: 10 };
  for await (const { key, value } of kv.list({ prefix: keys.rejections }, options)) {
    const record = value as RejectionRecord;
    const isOld = record.storedAt + maxAgeMs <= time;
    if (!isOld && count <= maxCount && bytes <= maxBytes) break;
    beyond.push({ key, record });
    count--;
    bytes -= record.size;
  }
  return beyond;
}

/** Commits what forgets them, and adds so many more to what is kept. */
async function forget(
  kv: DenoKv,
  atomic: DenoKvAtomic,
  kept: DenoKvEntry,
  rejections: readonly KeptRejection[],
  added: KeptRecord,
  time: number,
): Promise<boolean> {
  let { count, bytes } = keptOf(kept);
  count += added.count;
  bytes += added.bytes;
  let room = partsPerCommit;
  const rest: ReturnType<typeof deleteContent>[] = [];
  for (const { key, record } of rejections) {
    atomic.delete(key).delete(keys.rejectionPlace(await keyPart(record.id)));
    rest.push(deleteContent(atomic, record, time, room));
    if (partsOf(record) <= room) room -= partsOf(record);
    count--;
    bytes -= record.size;
  }
  atomic.check(kept);
  if (count > 0) atomic.set(keys.kept, { count, bytes } satisfies KeptRecord);
  else atomic.delete(keys.kept);
  const committed = await atomic.commit();
  if (!committed.ok) return false;
  for (const remove of rest) await remove(kv, committed.versionstamp);
  return true;
}

function keptOf({ value }: DenoKvEntry): KeptRecord {
  return (value ?? { count: 0, bytes: 0 }) as KeptRecord;
}

async function find(
  kv: DenoKv,
  id: string,
): Promise<{ readonly kept: DenoKvEntry; readonly found: KeptRejection | undefined }> {
  const placeKey = keys.rejectionPlace(await keyPart(id));
  const [kept, place] = await kv.getMany([keys.kept, placeKey]) as [DenoKvEntry, DenoKvEntry];
  if (place.versionstamp === null) return { kept, found: undefined };
  const key = keys.rejection(place.versionstamp);
  const [entry] = await kv.getMany([key]);
  const record = entry?.value as RejectionRecord | null;
  return { kept, found: record ? { key, record } : undefined };
}

async function remove(kv: DenoKv, id: string, now: () => number): Promise<void> {
  await untilCommitted(async () => {
    const { kept, found } = await find(kv, id);
    if (found === undefined) return true;
    const none = { count: 0, bytes: 0 };
    return await forget(kv, kv.atomic(), kept, [found], none, now()) || undefined;
  });
}

async function body(kv: DenoKv, id: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const { found } = await find(kv, id);
  return found && await readBody(kv, found.record);
}

async function list(
  kv: DenoKv,
  limit: number,
  cursor: string | undefined,
): Promise<RejectionPage> {
  const prefix = keys.rejections;
  const selector = cursor === undefined
    ? { prefix }
    : { prefix, start: behind(keys.rejection(cursor)) };
  const entries: DenoKvEntry[] = [];
  for await (const entry of kv.list(selector, { limit: limit + 1 })) entries.push(entry);
  const page = entries.slice(0, limit);
  const last = entries.length > limit ? page.at(-1) : undefined;
  return {
    rejections: page.map(({ value }) => {
      const { id, receivedAt, signature, size } = value as RejectionRecord;
      return { id, receivedAt, signature, size };
    }),
    nextCursor: last ? String(last.key.at(-1)) : null,
  };
}
