/** What is counted over time. */
export type ActivityName = "accepted" | "duplicates" | "rejected" | "dead";

/** How often something happened. */
export type ActivityCounts = Readonly<Record<ActivityName, number>>;

/** What happened within one minute. */
export interface ActivityMinute extends ActivityCounts {
  /** When the minute began, in milliseconds since 1970. */
  readonly startsAt: number;
}

/**
 * How often things happened lately, minute by minute: for people who look at it. Nothing depends on
 * it, and a process that is killed may take what it has not added with it.
 */
export interface Activity {
  /**
   * Adds to the minute that it is by the storage's clock, and forgets minutes that began more than
   * 25 hours ago. Unlike every other method it counts twice what is given twice.
   */
  add(counts: Partial<ActivityCounts>): Promise<void>;

  /**
   * The minutes that began then or later (milliseconds since 1970), the first first. One in which
   * nothing was added is left out.
   */
  list(since: number): Promise<readonly ActivityMinute[]>;
}

/** The names, in the order in which they are told. */
export const activityNames: readonly ActivityName[] = [
  "accepted",
  "duplicates",
  "rejected",
  "dead",
];

const minuteMs = 60_000;

/** When the minute began that a time is in. */
export function minuteOf(time: number): number {
  return Math.floor(time / minuteMs) * minuteMs;
}

/** Counts of which there are none so far. */
export function noCounts(): Record<ActivityName, number> {
  return { accepted: 0, duplicates: 0, rejected: 0, dead: 0 };
}

/** How long a minute is kept after it began, in milliseconds. */
export const activityRetentionMs: number = 25 * 3_600_000;
