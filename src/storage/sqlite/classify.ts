import { StorageError, type StorageErrorCode } from "../storage.ts";

// SQLite's primary result codes, and what their messages say: Deno's `exec` gives no code.
// https://www.sqlite.org/rescode.html
const classes: readonly (readonly [StorageErrorCode, codes: readonly number[], text: RegExp])[] = [
  ["busy", [5, 6], /database (?:table |schema )?is locked/],
  ["full", [13], /database or disk is full/],
  ["readonly", [8], /readonly database/],
  ["corrupt", [11, 26], /malformed|not a database|disk image/],
];

const advice: Readonly<Record<StorageErrorCode, string>> = {
  busy: "Another process holds the write lock.",
  full: "The disk is full: free some space.",
  readonly: "The file or its folder cannot be written: check their owner and mode.",
  corrupt: "The file is damaged. It was left as it is: restore it, or move it away.",
  schema: "The file has another schema.",
  unavailable: "Expected a file in a folder that is there and can be written.",
};

/** What an error of SQLite means, and what to do about it. */
export function classify(error: unknown, path: string): StorageError {
  if (error instanceof StorageError) return error;
  const { errcode, message = "" } = error as { errcode?: number; message?: string };
  const found = classes.find(([, codes, text]) =>
    (errcode !== undefined && codes.includes(errcode & 0xff)) || text.test(message)
  );
  const code = found?.[0] ?? "unavailable";
  return new StorageError(code, `SQLite ${path}: ${message}. ${advice[code]}`, { cause: error });
}
