import type { Activity } from "../activity.ts";
import {
  type ActivityRow,
  addedValues,
  forgottenBefore,
  minutesOf,
} from "../sqlite/activity-rows.ts";
import { operatingStatements as sql } from "./operating-statements.ts";
import type { D1Session } from "./session.ts";

/** Counts in a D1 database what happened lately: a batch for each call. */
export function createActivity({ bind, run }: D1Session, now: () => number): Activity {
  return {
    async add(counts) {
      const time = now();
      await run([
        bind(sql.addActivity, ...addedValues(counts, time)),
        bind(sql.forgetActivity, forgottenBefore(time)),
      ]);
    },
    async list(since) {
      const [rows = []] = await run([bind(sql.activity, since)]) as ActivityRow[][];
      return minutesOf(rows);
    },
  };
}
