/** A key: the parts order the entries, the first one first. */
export type DenoKvKey = readonly (Uint8Array | string | number | bigint | boolean | symbol)[];

/** What is, or is not, at a key. */
export interface DenoKvEntry {
  readonly key: DenoKvKey;
  readonly value: unknown;
  /** Grows with every commit; null where there is nothing. */
  readonly versionstamp: string | null;
}

/** The changes of one commit, which happens only if every check holds. */
export interface DenoKvAtomic {
  check(...checks: { key: DenoKvKey; versionstamp: string | null }[]): DenoKvAtomic;
  set(key: DenoKvKey, value: unknown): DenoKvAtomic;
  delete(key: DenoKvKey): DenoKvAtomic;
  sum(key: DenoKvKey, n: bigint): DenoKvAtomic;
  commit(): Promise<{ ok: true; versionstamp: string } | { ok: false }>;
}

/** Which entries to list: those whose keys begin with `prefix`, from `start` on or before `end`. */
export type DenoKvSelector =
  | { prefix: DenoKvKey }
  | { prefix: DenoKvKey; start: DenoKvKey }
  | { prefix: DenoKvKey; end: DenoKvKey };

/** The methods of a `Deno.Kv` that {@linkcode denoKvStorage} uses. */
export interface DenoKv {
  getMany(keys: DenoKvKey[]): Promise<DenoKvEntry[]>;
  list(
    selector: DenoKvSelector,
    options?: { limit?: number; reverse?: boolean; batchSize?: number },
  ): AsyncIterable<DenoKvEntry>;
  atomic(): DenoKvAtomic;
  /** Stands, as the last part of a key, for the versionstamp of the commit that sets it. */
  commitVersionstamp(): symbol;
}
