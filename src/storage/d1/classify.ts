import { StorageError, type StorageErrorCode } from "../storage.ts";

interface ErrorClass {
  readonly code: StorageErrorCode;
  /** What the message says: D1 gives no code. */
  readonly text: RegExp;
  /** What an operator has to know or do, beside what the message says. */
  readonly advice?: string;
  /** Whether the same call may succeed a moment later. */
  readonly passing?: boolean;
}

// https://developers.cloudflare.com/d1/observability/debug-d1/#error-list
const classes: readonly ErrorClass[] = [
  {
    code: "busy",
    text: /overloaded|SQLITE_BUSY|is locked/,
    passing: true,
  },
  {
    code: "full",
    text: /SQLITE_TOOBIG|too big|SQLITE_FULL|is full|maximum DB size/i,
    advice: "A row holds 2 MB, a database 10 GB (500 MB on the free plan): prune it.",
  },
  {
    code: "unavailable",
    text: /connection lost|was reset|to be reset|reset because|transient|timed? ?out/i,
    passing: true,
  },
  {
    code: "unavailable",
    text: /too many (?:api requests|subrequests)/i,
    advice: "The Worker used up its queries: 1,000, or 50 on the free plan.",
  },
  {
    code: "schema",
    text: /no such (?:table|column)|has no column|already exists/,
    advice: "Expected a D1 database of its own: make one with `wrangler d1 create`.",
  },
  {
    code: "corrupt",
    text: /SQLITE_CORRUPT|SQLITE_NOTADB|malformed/,
    advice: "Restore it with `wrangler d1 time-travel restore`.",
  },
  {
    code: "denied",
    text: /SQLITE_AUTH|not authorized|unauthorized|forbidden|permission/i,
    advice: "Check the database's id and the account's rights.",
  },
  {
    code: "readonly",
    text: /SQLITE_READONLY|readonly/i,
  },
];

/** What an error of D1 means, and what to do about it. */
export function classify(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const { code = "unavailable", advice = "" } = classOf(error) ?? {};
  return new StorageError(code, `D1: ${messageOf(error)}. ${advice}`.trim(), { cause: error });
}

/** Whether the same call may succeed a moment later. */
export function isPassing(error: unknown): boolean {
  return classOf(error instanceof StorageError ? error.cause : error)?.passing === true;
}

function classOf(error: unknown): ErrorClass | undefined {
  return classes.find(({ text }) => text.test(messageOf(error)));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/^D1_ERROR: /, "") : "unknown error";
}
