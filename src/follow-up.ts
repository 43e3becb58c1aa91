import { describeError } from "./describe-error.ts";
import type { Ingested } from "./ingest.ts";
import type { Logger } from "./logger.ts";
import type { Worker } from "./worker.ts";

/** What some runtimes hand to a handler beside the request. */
export interface HandlerContext {
  /** Keeps the runtime alive until a promise settles. */
  waitUntil?(promise: Promise<unknown>): void;
}

/**
 * Makes a function that sees to what is due by what was stored: it tells whoever is to be told, works
 * it off where that has to be done before the runtime goes, or wakes the worker. It never rejects.
 */
export function createFollowUp({ worker, works, notify, logger }: {
  readonly worker: Worker;
  /** Whether this process works through deliveries. */
  readonly works: boolean;
  readonly notify: ((id: string) => Promise<unknown>) | undefined;
  readonly logger: Logger;
}): (ingested: Ingested, context?: HandlerContext) => Promise<void> {
  return async ({ event, stored: { id, state } }, context) => {
    const attempt = async (failure: string, task: () => Promise<unknown>) => {
      // In an async function: it may throw instead of rejecting.
      const done = (async () => await task())().catch((error) => {
        logger.error(failure, { id, error: describeError(error) });
      });
      context?.waitUntil?.(done);
      await done;
    };
    if (notify !== undefined) {
      const isDue = state === "accepted" && event.processors.length > 0;
      if (isDue) await attempt("notify failed, a later drain finds the event", () => notify(id));
    } else if (works && context?.waitUntil) {
      await attempt("work after the answer failed", () => worker.drain());
    } else {
      worker.wake();
    }
  };
}
