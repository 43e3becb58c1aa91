import {
  type ActivityCounts,
  type ActivityMinute,
  activityNames,
  activityRetentionMs,
  minuteOf,
} from "../activity.ts";

/** What happened within a minute, as it is stored. */
export interface ActivityRow extends ActivityCounts {
  readonly starts_at: number;
}

/** What the statement `addActivity` takes. */
export function addedValues(counts: Partial<ActivityCounts>, time: number): number[] {
  return [minuteOf(time), ...activityNames.map((name) => counts[name] ?? 0)];
}

/** What the statement `forgetActivity` takes. */
export function forgottenBefore(time: number): number {
  return time - activityRetentionMs;
}

/** The minutes of rows. */
export function minutesOf(rows: readonly ActivityRow[]): ActivityMinute[] {
  return rows.map(({ starts_at: startsAt, ...counts }) => ({ startsAt, ...counts }));
}
