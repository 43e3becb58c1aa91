// The contract is asynchronous and a Map is not; `async` makes a failure a rejection.
// deno-lint-ignore-file require-await
import {
  type Activity,
  type ActivityName,
  activityNames,
  activityRetentionMs,
  minuteOf,
  noCounts,
} from "../activity.ts";

/** Counts in memory what happened lately. */
export function createActivity(now: () => number): Activity {
  const minutes = new Map<number, Record<ActivityName, number>>();

  return {
    async add(counts) {
      const time = now();
      for (const startsAt of minutes.keys()) {
        if (startsAt < time - activityRetentionMs) minutes.delete(startsAt);
      }
      const startsAt = minuteOf(time);
      const known = minutes.get(startsAt) ?? noCounts();
      for (const name of activityNames) known[name] += counts[name] ?? 0;
      minutes.set(startsAt, known);
    },

    list: async (since) =>
      [...minutes].filter(([startsAt]) => startsAt >= since)
        .sort(([one], [other]) => one - other)
        .map(([startsAt, counts]) => ({ startsAt, ...counts })),
  };
}
