import { InvalidArgumentError } from "commander";

const units: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Reads an option's value such as `90s`, `10m`, `24h` or `7d`, in milliseconds. */
export function duration(text: string): number {
  const milliseconds = durationOf(text);
  if (milliseconds !== undefined) return milliseconds;
  throw new InvalidArgumentError("Expected a time such as 90s, 10m, 24h or 7d.");
}

/**
 * Reads an option's value that says when: so long ago (`24h`), or a date (`2026-01-31`, in UTC) with
 * or without a time of day. In milliseconds since 1970.
 */
export function moment(text: string): number {
  const ago = durationOf(text);
  const at = ago === undefined && /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  if (ago !== undefined && ago < Date.now()) return Date.now() - ago;
  if (!Number.isNaN(at)) return at;
  throw new InvalidArgumentError(
    "Expected how long ago, such as 90s, 10m, 24h or 7d, or a date such as 2026-01-31 or " +
      "2026-01-31T08:00Z.",
  );
}

/** A time in ISO 8601, where there is one. */
export function isoTime(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}

function durationOf(text: string): number | undefined {
  const [, count, unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const size = units[unit];
  return size === undefined ? undefined : Number(count) * size;
}
