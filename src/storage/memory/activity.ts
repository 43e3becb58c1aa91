// The contract is asynchronous and a Map is not; `async` makes a failure a rejection.
// deno-lint-ignore-file require-await
import {
  type Activity,
  type ActivityName,
  activityNames,
  activityRetentionMs,
} from "../activity.ts";

const minuteMs = 60_000;

/** Counts in memory what happened lately. */
export function createActivity(now: () => number): Activity {
  const minutes = new Map<number, Record<ActivityName, number>>();

  return {
    async add(counts) {
      const time = now();
      for (const startsAt of minutes.keys()) {
        if (startsAt < time - activityRetentionMs) minutes.delete(startsAt);
      }
      const startsAt = Math.floor(time / minuteMs) * minuteMs;
      const known = minutes.get(startsAt) ?? { accepted: 0, duplicates: 0, rejected: 0, dead: 0 };
      for (const name of activityNames) known[name] += counts[name] ?? 0;
      minutes.set(startsAt, known);
    },

    list: async (since) =>
      [...minutes].filter(([startsAt]) => startsAt >= since)
        .sort(([one], [other]) => one - other)
        .map(([startsAt, counts]) => ({ startsAt, ...counts })),
  };
}
