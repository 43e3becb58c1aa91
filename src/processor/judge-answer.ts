import { parseRetryAfter } from "../retry-after.ts";
import { PermanentError, RetryLater } from "./processor.ts";

const longestWaitMs = 24 * 3_600_000;

/**
 * Takes a target's answer for success or failure by its status alone: what it says is not read, and
 * could be endless.
 *
 * @param gone The statuses after which no attempt can succeed.
 */
export function judgeAnswer(
  { ok, status, headers, type, body }: Response,
  ...gone: readonly number[]
): void {
  body?.cancel().catch(() => {});
  if (ok) return;
  // Some runtimes hide a redirect's status from `redirect: "manual"`.
  const answer = type === "opaqueredirect" ? "a redirect" : String(status);
  const message = `The target answered ${answer}.`;
  if (gone.includes(status)) throw new PermanentError(message);
  const afterMs = Math.min(parseRetryAfter(headers.get("Retry-After")) ?? 0, longestWaitMs);
  // "At once" would use up all attempts at once: the backoff knows better.
  throw afterMs ? new RetryLater(afterMs, message) : new Error(message);
}
