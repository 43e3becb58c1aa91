import type { Expectation } from "../storage/expectations.ts";
import type { Failure } from "./failure.ts";

/** When to ask again for a job, and why asking did not help. */
export interface NextAsk {
  /** Null: never again by itself. */
  readonly afterMs: number | null;
  readonly error: string | null;
}

const minute = 60_000;
const hour = 60 * minute;
// A new key takes effect at a restart, new rights take it at once.
const deniedMs = 10 * minute;
// A header that is wrong must not end the asking.
const longestMs = 24 * hour;
// ImgGo may know a job in one place before another: these take 15 minutes in all.
const mostUnknown = 5;

/** A minute, and twice as long each time, up to an hour. */
export function askDelay(asked: number): number {
  return Math.min(hour, minute * 2 ** Math.min(asked - 1, 10));
}

/** Of a job that has not ended. */
export function afterRunning({ asked }: Expectation): NextAsk {
  return { afterMs: askDelay(asked), error: null };
}

/** Of a job whose end was not learned. */
export function afterFailure(
  { asked, lastError }: Expectation,
  { kind, message, afterMs }: Failure,
): NextAsk {
  if (kind === "unknown") return afterUnknown(lastError, message);
  if (kind === "denied") return { afterMs: deniedMs, error: message };
  const wanted = kind === "limited" ? afterMs : undefined;
  // What asks to come back at once asks for a tight loop.
  return {
    afterMs: wanted === undefined ? askDelay(asked) : Math.min(longestMs, Math.max(minute, wanted)),
    error: message,
  };
}

// How often in a row it was unknown stands in the last error: `asked` counts every reason, and
// goes on when a job that was given up is awaited anew.
const unknownSoFar = /^Unknown to ImgGo \((\d+) of \d+\)/;

function afterUnknown(lastError: string | null, message: string): NextAsk {
  const times = Number(unknownSoFar.exec(lastError ?? "")?.[1] ?? 0) + 1;
  if (times >= mostUnknown) return { afterMs: null, error: `Given up: ${message}` };
  return {
    afterMs: askDelay(times),
    error: `Unknown to ImgGo (${times} of ${mostUnknown}): ${message}`,
  };
}
