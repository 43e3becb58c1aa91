import type { Storage } from "../../src/storage/storage.ts";

/** Something that is done wrong on purpose, to see that it is noticed. */
export interface Mistake {
  /** What it makes of the database, of a machine's spool, and of what a process sees of the database. */
  readonly primary?: (storage: Storage) => Storage;
  readonly spool?: (storage: Storage) => Storage;
  readonly connected?: (storage: Storage) => Storage;
}
