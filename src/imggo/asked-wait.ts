import { parseRetryAfter } from "../retry-after.ts";

/**
 * How long ImgGo asks to wait, in milliseconds: `Retry-After`, else `X-RateLimit-Reset`, which is
 * read as seconds from now, as seconds or milliseconds since 1970, or as a date.
 *
 * @returns Undefined where the headers say nothing of it.
 */
export function askedWait(headers: Headers, localNow: number = Date.now()): number | undefined {
  // Times count by the clock of whoever wrote them.
  const serverNow = Date.parse(headers.get("Date") ?? "");
  const now = Number.isNaN(serverNow) ? localNow : serverNow;
  return parseRetryAfter(headers.get("Retry-After"), now) ??
    untilReset(headers.get("X-RateLimit-Reset"), now);
}

// Seconds since 1970 have been more than this since 2001, milliseconds always will be.
const leastSeconds = 1e9;
const leastMilliseconds = 1e12;

function untilReset(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (!/^\d+(?:\.\d+)?$/.test(header)) {
    const at = /^(?:[a-z]{3}|\d{4}-\d\d-\d\d)/i.test(header) ? Date.parse(header) : NaN;
    return Number.isNaN(at) ? undefined : Math.max(0, at - now);
  }
  const value = Number(header);
  if (value < leastSeconds) return value * 1_000;
  return Math.max(0, (value < leastMilliseconds ? value * 1_000 : value) - now);
}
