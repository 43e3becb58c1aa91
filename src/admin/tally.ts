import { describeError } from "../describe-error.ts";
import type { Logger } from "../logger.ts";
import { type ActivityName, activityNames, noCounts } from "../storage/activity.ts";
import type { Storage } from "../storage/storage.ts";
import type { Observer } from "../telemetry.ts";

/** Counts for a receiver what happens there, and adds it to the storage's activity by and by. */
export type Tally = (
  receiver: { readonly storage: Pick<Storage, "activity">; readonly logger: Logger },
) => { readonly observer: Required<Observer>; flush(): Promise<void> };

const everyMs = 5_000;

/** Requests that are refused before anything of them is believed. */
const rejections: readonly string[] = [
  "missing_signature",
  "invalid_signature",
  "payload_too_large",
  "unsupported_encoding",
  "body_timeout",
];

/**
 * Makes a tally. Its counts outlive the receivers that it counts for: on Workers each invocation has
 * its own. What cannot be added is kept, and added with the next.
 */
export function createTally(): Tally {
  const counts = noCounts();
  let addedAt = -Infinity;

  const take = () => {
    const taken = { ...counts };
    for (const name of activityNames) counts[name] = 0;
    return taken;
  };

  return ({ storage, logger }) => {
    // Of this receiver, as on Workers a timer belongs to the request that set it.
    let timer: ReturnType<typeof setTimeout> | undefined;

    const add = async () => {
      clearTimeout(timer);
      timer = undefined;
      if (Object.values(counts).every((count) => count === 0)) return;
      addedAt = performance.now();
      const taken = take();
      try {
        await storage.activity.add(taken);
      } catch (error) {
        for (const name of activityNames) counts[name] += taken[name];
        logger.warn("counts are kept until the storage takes them", {
          error: describeError(error),
        });
      }
    };

    const count = (name: ActivityName) => {
      counts[name]++;
      timer ??= setTimeout(add, everyMs);
    };

    return {
      async flush() {
        const { rejected: _, ...signed } = counts;
        clearTimeout(timer);
        timer = undefined;
        // Anyone can be refused: a flood of that must not become as many writes.
        const isDue = performance.now() - addedAt >= everyMs;
        if (isDue || Object.values(signed).some((count) => count > 0)) await add();
      },
      observer: {
        answered({ code }) {
          if (rejections.includes(code)) count("rejected");
        },
        accepted: ({ duplicate }) => count(duplicate ? "duplicates" : "accepted"),
        attempted({ result }) {
          if (result === "dead") count("dead");
        },
      },
    };
  };
}
