import type { DenoKv, DenoKvEntry, DenoKvKey } from "./kv.ts";

// The most that one read may have.
const keysPerRead = 10;

/** Reads entries, not all of them at one moment. */
export async function getAll(kv: DenoKv, keys: readonly DenoKvKey[]): Promise<DenoKvEntry[]> {
  const reads: Promise<DenoKvEntry[]>[] = [];
  for (let from = 0; from < keys.length; from += keysPerRead) {
    reads.push(kv.getMany(keys.slice(from, from + keysPerRead)));
  }
  return (await Promise.all(reads)).flat();
}
