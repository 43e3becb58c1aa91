const units: readonly (readonly [unit: Intl.RelativeTimeFormatUnit, seconds: number])[] = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

const format = new Intl.RelativeTimeFormat("en", { numeric: "always" });

/**
 * When something was, or will be, as people say it: `3 minutes ago`, `in 2 days`.
 *
 * @param time ISO 8601, or milliseconds since 1970. What is no time is said to be `never`.
 */
export function relativeTime(time: string | number | undefined, now: number = Date.now()): string {
  const at = typeof time === "number" ? time : Date.parse(time ?? "");
  if (!Number.isFinite(at)) return "never";
  const seconds = Math.round((at - now) / 1_000);
  if (Math.abs(seconds) < 5) return "just now";
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return format.format(Math.trunc(seconds / size), unit);
}
