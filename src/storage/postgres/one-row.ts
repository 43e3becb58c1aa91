import { StorageError } from "../storage.ts";

/**
 * The row of a statement that always gives one. The client `postgres` may take a connection that is
 * ended in the middle of an answer for its end: what was done is not known then.
 *
 * @throws {StorageError} `unavailable`
 */
export function oneRow<Row>([row]: readonly Row[]): Row {
  if (row !== undefined) return row;
  throw new StorageError("unavailable", "PostgreSQL: the answer broke off before its row.");
}
