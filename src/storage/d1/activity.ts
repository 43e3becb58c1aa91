import type { Activity } from "../activity.ts";
import {
  type ActivityRow,
  addedValues,
  forgottenBefore,
  minutesOf,
} from "../sqlite/activity-rows.ts";
import type { D1Session } from "./session.ts";

/** Counts in a D1 database what happened lately: a batch for each call. */
export function createActivity({ bind, run }: D1Session, now: () => number): Activity {
  return {
    async add(counts) {
      const time = now();
      await run([
        bind("addActivity", ...addedValues(counts, time)),
        bind("forgetActivity", forgottenBefore(time)),
      ]);
    },
    async list(since) {
      const [rows = []] = await run([bind("activity", since)]) as ActivityRow[][];
      return minutesOf(rows);
    },
  };
}
