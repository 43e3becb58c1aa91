import {
  type Activity,
  type ActivityCounts,
  type ActivityMinute,
  type ActivityName,
  activityNames,
  activityRetentionMs,
  minuteOf,
  noCounts,
} from "../activity.ts";
import { keys } from "./keys.ts";
import type { DenoKv } from "./kv.ts";

// More than come to be old within a minute, and a commit has room for them.
const forgottenAtOnce = 100;

/**
 * Counts in Deno KV what happened lately. A sum conflicts with no other one, so that many processes
 * add to the same minute without waiting for each other.
 */
export function createActivity(
  kv: DenoKv,
  now: () => number,
  classified: <T>(work: Promise<T>) => Promise<T>,
): Activity {
  let lastAddedTo: number | undefined;

  const add = async (counts: Partial<ActivityCounts>): Promise<void> => {
    const time = now();
    const startsAt = minuteOf(time);
    const atomic = kv.atomic();
    for (const name of activityNames) {
      const by = counts[name] ?? 0;
      if (by > 0) atomic.sum(keys.activity(startsAt, name), BigInt(by));
    }
    // Once a minute; what is older all the same is not listed.
    if (lastAddedTo !== startsAt) {
      const end = keys.activityFrom(time - activityRetentionMs);
      const old = kv.list({ prefix: keys.activities, end }, { limit: forgottenAtOnce });
      for await (const { key } of old) atomic.delete(key);
    }
    await atomic.commit();
    lastAddedTo = startsAt;
  };

  const list = async (since: number): Promise<ActivityMinute[]> => {
    const start = keys.activityFrom(Math.max(since, now() - activityRetentionMs));
    const minutes = new Map<number, Record<ActivityName, number>>();
    const selector = { prefix: keys.activities, start };
    for await (const { key, value } of kv.list(selector, { batchSize: 500 })) {
      const startsAt = Number(key[2]);
      const counts = minutes.get(startsAt) ?? noCounts();
      counts[key[3] as ActivityName] = Number((value as { readonly value: bigint }).value);
      minutes.set(startsAt, counts);
    }
    return [...minutes].map(([startsAt, counts]) => ({ startsAt, ...counts }));
  };

  return {
    add: (counts) => classified(add(counts)),
    list: (since) => classified(list(since)),
  };
}
