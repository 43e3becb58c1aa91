/**
 * The wait in milliseconds that a `Retry-After` asks for: seconds, or a date of HTTP.
 *
 * @param now Milliseconds since 1970, against which a date counts.
 * @returns Undefined where there is none, or it is neither.
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function parseRetryAfter(
  header: string | null,
  now: number = Date.now(),
): number | undefined {
  if (header === null) return undefined;
  // `Date.parse` takes much more than HTTP's dates, which all begin with the name of a day.
  const at = /^[a-z]/i.test(header) ? Date.parse(header) : NaN;
  const afterMs = /^\d+$/.test(header) ? Number(header) * 1_000 : at - now;
  return Number.isNaN(afterMs) ? undefined : Math.max(afterMs, 0);
}
