/** A key: the parts order the entries, the first one first. */
export type DenoKvKey = readonly (Uint8Array | string | number | bigint | boolean | symbol)[];

/** What is, or is not, at a key. */
export interface DenoKvEntry {
  /** Where it is. */
  readonly key: DenoKvKey;
  /** What is there; null where there is nothing. */
  readonly value: unknown;
  /** Grows with every commit; null where there is nothing. */
  readonly versionstamp: string | null;
}

/** The changes of one commit, which happens only if every check holds. */
export interface DenoKvAtomic {
  /** Demands that each entry still has this versionstamp; null: that there is none. */
  check(...checks: { key: DenoKvKey; versionstamp: string | null }[]): DenoKvAtomic;
  /** Puts a value at a key. */
  set(key: DenoKvKey, value: unknown): DenoKvAtomic;
  /** Removes what is at a key. */
  delete(key: DenoKvKey): DenoKvAtomic;
  /** Adds to the counter at a key, modulo 2^64. */
  sum(key: DenoKvKey, n: bigint): DenoKvAtomic;
  /** Does all of it, or nothing where a check does not hold. */
  commit(): Promise<{ ok: true; versionstamp: string } | { ok: false }>;
}

/** Which entries to list: those whose keys begin with `prefix`, from `start` on or before `end`. */
export type DenoKvSelector =
  | { prefix: DenoKvKey }
  | { prefix: DenoKvKey; start: DenoKvKey }
  | { prefix: DenoKvKey; end: DenoKvKey };

/** The methods of a `Deno.Kv` that {@linkcode denoKvStorage} uses. */
export interface DenoKv {
  /** What is at each key, ten at the most, as of one moment. */
  getMany(keys: DenoKvKey[]): Promise<DenoKvEntry[]>;
  /** What is at the keys that are selected, in their order. */
  list(
    selector: DenoKvSelector,
    options?: { limit?: number; reverse?: boolean; batchSize?: number },
  ): AsyncIterable<DenoKvEntry>;
  /** Begins a commit. */
  atomic(): DenoKvAtomic;
  /** Stands, as the last part of a key, for the versionstamp of the commit that sets it. */
  commitVersionstamp(): symbol;
}
