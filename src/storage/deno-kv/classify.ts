import { StorageError, type StorageErrorCode } from "../storage.ts";

// What Deno hands on of SQLite, in which it keeps a file: it gives no codes.
const classes: readonly (readonly [StorageErrorCode, RegExp, advice: string])[] = [
  ["busy", /database (?:table |schema )?is locked/, "Another process holds the write lock."],
  ["full", /database or disk is full/, "Free some space."],
  ["readonly", /readonly database/, "The file or its folder cannot be written."],
  ["corrupt", /malformed|not a database/, "It is damaged, or no file of Deno KV: restore it."],
  ["unavailable", /unable to open/, "Expected a file in a folder that is there."],
];

/** What an error of Deno KV means, and what to do about it. */
export function classify(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const message = error instanceof Error ? error.message : "something that is not an Error";
  const [code, , advice] = classes.find(([, text]) => text.test(message)) ??
    ["unavailable" as const, /^/, ""];
  return new StorageError(code, `Deno KV: ${message}. ${advice}`.trim(), { cause: error });
}
