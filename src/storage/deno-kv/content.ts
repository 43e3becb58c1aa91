import { StorageError } from "../storage.ts";
import { keys } from "./keys.ts";
import type { DenoKv, DenoKvAtomic, DenoKvEntry } from "./kv.ts";
import type { EventRecord, EventTexts, UploadRecord } from "./records.ts";

// The most that a value may have.
const partSize = 65_536;
// A commit may have 800 KiB, and the last one holds the event too.
const partsPerCommit = 8;
// The keys of a commit may have 80 KiB in all.
const deletedPerCommit = 100;

/** The bytes of an event on their way into the storage. */
export interface Upload {
  /** Under which its parts are stored. */
  readonly content: string;
  /**
   * Writes the parts that have no room in the commit of the event. Before them comes a record, so
   * that they do not stay for ever where that commit never comes. Called again, it goes on.
   */
  prepare(signal?: AbortSignal): Promise<void>;
  /** Adds the other parts to the commit of the event, which fails where the first are gone. */
  attach(atomic: DenoKvAtomic): void;
  /** Removes the parts again, unless their event was stored. Never rejects. */
  discard(): Promise<void>;
}

/** Makes an upload. Each has parts of its own: two of the same event never share one. */
export function createUpload(kv: DenoKv, bytes: Uint8Array, startedAt: number): Upload {
  const content = crypto.randomUUID();
  const parts = Math.ceil(bytes.length / partSize);
  const early = Math.max(0, Math.ceil(parts / partsPerCommit) - 1) * partsPerCommit;
  let record: DenoKvEntry | undefined;
  let written = 0;

  const setParts = (atomic: DenoKvAtomic, from: number, to: number) => {
    for (let index = from; index < to; index++) {
      const start = index * partSize;
      atomic.set(keys.part(content, index), bytes.subarray(start, start + partSize));
    }
  };

  const begin = async (): Promise<DenoKvEntry> => {
    const key = keys.upload(content);
    const value: UploadRecord = { startedAt, parts };
    const begun = await kv.atomic().set(key, value).commit();
    if (!begun.ok) throw new Error("a commit without a check was refused");
    return { key, value, versionstamp: begun.versionstamp };
  };

  return {
    content,

    async prepare(signal) {
      if (early === 0) return;
      record ??= await begin();
      for (; written < early; written += partsPerCommit) {
        if (signal?.aborted) throw new StorageError("unavailable", "Deno KV: given up.");
        const atomic = kv.atomic().check(record);
        setParts(atomic, written, written + partsPerCommit);
        if (!(await atomic.commit()).ok) {
          throw new StorageError("unavailable", "Deno KV: the upload took longer than a day.");
        }
      }
    },

    attach(atomic) {
      if (record !== undefined) atomic.check(record).delete(record.key);
      setParts(atomic, early, parts);
    },

    async discard() {
      if (record !== undefined) await discardUpload(kv, record);
    },
  };
}

async function discardUpload(kv: DenoKv, upload: DenoKvEntry): Promise<void> {
  try {
    await removeUpload(kv, upload);
  } catch {
    // `prune` does it a day later.
  }
}

/** Removes the parts of an upload, unless its event was stored meanwhile. */
export async function removeUpload(kv: DenoKv, upload: DenoKvEntry): Promise<void> {
  const { parts } = upload.value as UploadRecord;
  const content = String(upload.key.at(-1));
  // Another version: whoever still writes to it can't go on, and its event can't be stored.
  const stopped = await kv.atomic().check(upload).set(upload.key, upload.value).commit();
  if (!stopped.ok) return;
  for (let from = 0; from < parts; from += deletedPerCommit) {
    const atomic = kv.atomic();
    deleteParts(atomic, content, from, Math.min(parts, from + deletedPerCommit));
    await atomic.commit();
  }
  await kv.atomic().delete(upload.key).commit();
}

/** Bytes that are stored. */
export type StoredContent = Pick<EventRecord, "content" | "size"> & {
  readonly textsSize?: number;
};

/** How many parts bytes have. */
export function partsOf({ size, textsSize = 0 }: StoredContent): number {
  return Math.ceil((textsSize + size) / partSize);
}

/**
 * Adds the deletion of bytes to a commit.
 *
 * @param room How many keys the commit may have for it.
 * @returns What removes, after it, the parts for which it has no room. Never rejects.
 */
export function deleteContent(
  atomic: DenoKvAtomic,
  stored: StoredContent,
  startedAt: number,
  room: number = deletedPerCommit,
): (kv: DenoKv, versionstamp: string) => Promise<void> {
  const { content } = stored;
  const parts = partsOf(stored);
  if (parts <= room) {
    deleteParts(atomic, content, 0, parts);
    return () => Promise.resolve();
  }
  const key = keys.upload(content);
  const value: UploadRecord = { startedAt, parts };
  atomic.set(key, value);
  return (kv, versionstamp) => discardUpload(kv, { key, value, versionstamp });
}

function deleteParts(
  atomic: DenoKvAtomic,
  content: string,
  from: number,
  to: number,
): DenoKvAtomic {
  for (let index = from; index < to; index++) atomic.delete(keys.part(content, index));
  return atomic;
}

/** A body; undefined where it was deleted meanwhile. */
export async function readBody(
  kv: DenoKv,
  { content, textsSize = 0, size }: StoredContent,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = await readParts(kv, content, textsSize + size);
  return textsSize > 0 ? bytes?.slice(textsSize) : bytes;
}

/** The texts of an event; undefined where they were deleted meanwhile. */
export async function readTexts(
  kv: DenoKv,
  { content, texts, textsSize }: EventRecord,
): Promise<EventTexts | undefined> {
  if (texts !== null) return texts;
  const bytes = await readParts(kv, content, textsSize);
  return bytes && JSON.parse(new TextDecoder().decode(bytes));
}

async function readParts(
  kv: DenoKv,
  content: string,
  size: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const bytes = new Uint8Array(size);
  let filled = 0;
  const limit = Math.ceil(size / partSize);
  if (limit === 0) return bytes;
  const selector = { prefix: keys.parts(content) };
  for await (const { value } of kv.list(selector, { limit, batchSize: partsPerCommit })) {
    const part = value as Uint8Array;
    bytes.set(part.subarray(0, size - filled), filled);
    filled += part.length;
  }
  return filled < size ? undefined : bytes;
}
