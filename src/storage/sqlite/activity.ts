import type { Activity } from "../activity.ts";
import type { Access } from "./access.ts";
import { addedValues, forgottenBefore, minutesOf } from "./activity-rows.ts";

/** Counts in a file what happened lately. */
export function createActivity({ read, write, now }: Access): Activity {
  return {
    add: (counts) =>
      write((connection) => {
        const time = now();
        connection.run("addActivity", ...addedValues(counts, time));
        connection.run("forgetActivity", forgottenBefore(time));
      }),
    list: (since) => read((connection) => minutesOf(connection.all("activity", since))),
  };
}
