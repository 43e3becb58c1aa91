import { StorageError, type StorageErrorCode } from "../storage.ts";

interface ErrorClass {
  readonly code: StorageErrorCode;
  /** SQLite's primary result codes: https://www.sqlite.org/rescode.html */
  readonly results: readonly number[];
  /** What the message says: Deno's `exec` gives no code. */
  readonly text: RegExp;
  /** What an operator has to know or do. */
  readonly advice: string;
}

const classes: readonly ErrorClass[] = [
  {
    code: "busy",
    results: [5, 6],
    text: /database (?:table |schema )?is locked/,
    advice: "Another process holds the write lock.",
  },
  {
    code: "full",
    results: [13],
    text: /database or disk is full/,
    advice: "Free some space.",
  },
  {
    code: "readonly",
    results: [8],
    text: /readonly database/,
    advice: "The file or its folder cannot be written: check their owner and mode.",
  },
  {
    code: "corrupt",
    results: [11, 26],
    text: /malformed|not a database/,
    advice: "It is damaged, or no SQLite file. It was left as it is: restore it, or move it away.",
  },
  {
    code: "unavailable",
    results: [14],
    text: /unable to open/,
    advice: "Expected a file in a folder that is there and can be written.",
  },
];

/** What an error of SQLite means, and what to do about it. */
export function classify(error: unknown, path: string): StorageError {
  if (error instanceof StorageError) return error;
  const { errcode, message = "" } = error as { errcode?: number; message?: string };
  const { code, advice } =
    classes.find(({ results, text }) =>
      (errcode !== undefined && results.includes(errcode & 0xff)) || text.test(message)
    ) ?? { code: "unavailable" as const, advice: "" };
  const text = `SQLite ${path}: ${message}. ${advice}`.trim();
  return new StorageError(code, text, { cause: error });
}
