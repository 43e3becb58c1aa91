import { describeError } from "./describe-error.ts";
import type { Ingested } from "./ingest.ts";
import type { LogFields, Logger } from "./logger.ts";
import type { ReceiverWorker } from "./worker.ts";

/** What some runtimes hand to a handler beside the request. */
export interface HandlerContext {
  /** Keeps the runtime alive until a promise settles. */
  waitUntil?(promise: Promise<unknown>): void;
}

/** Sees to it that what is due is run soon. */
export interface FollowUp {
  /**
   * Of an event that was stored: tells whoever is to be told, works it off where that has to be done
   * before the runtime goes, or wakes the worker. It never rejects.
   */
  readonly announce: (ingested: Ingested, context?: HandlerContext) => Promise<void>;
  /** Of what was made due again: the same; who is told by the ids of events is told where there is one. */
  readonly workSoon: (context: HandlerContext | undefined, id?: string) => void;
}

export function createFollowUp({ worker, works, notify, logger, flush }: {
  readonly worker: ReceiverWorker;
  /** Whether this process works through deliveries. */
  readonly works: boolean;
  readonly notify: ((id: string) => Promise<unknown>) | undefined;
  readonly logger: Logger;
  /** Of what plugins gather. It never rejects. */
  readonly flush: (() => Promise<void>) | undefined;
}): FollowUp {
  const attempt = async (
    failure: string,
    task: () => Promise<unknown>,
    context: HandlerContext | undefined,
    fields: LogFields = {},
  ) => {
    // In an async function: it may throw instead of rejecting.
    const done = (async () => await task())().catch((error) => {
      logger.error(failure, { ...fields, error: describeError(error) });
    });
    context?.waitUntil?.(done);
    await done;
  };
  const work = async (context: HandlerContext | undefined, due?: number, fields?: LogFields) => {
    if (!works || !context?.waitUntil) return worker.wake?.(due);
    const drain = () => worker.drain().finally(flush);
    await attempt("work after the answer failed", drain, context, fields);
  };

  const tell = async (
    notify: (id: string) => Promise<unknown>,
    id: string,
    context: HandlerContext | undefined,
  ) => {
    const failure = "notify failed, a later drain finds the event";
    await attempt(failure, () => notify(id), context, { id });
  };

  return {
    async announce({ event, stored: { id, state, duplicate, claims = [] } }, context) {
      if (notify === undefined) {
        const stored = duplicate ? 0 : event.processors.length;
        // What is claimed runs here, and what a runtime has to be kept alive for never is.
        if (claims.length > 0 && claims.length === stored) return;
        return await work(context, stored - claims.length, { id });
      }
      if (state !== "accepted" || event.processors.length === 0) return;
      await tell(notify, id, context);
    },
    workSoon(context, id) {
      if (notify === undefined) void work(context);
      else if (id !== undefined) void tell(notify, id, context);
    },
  };
}
