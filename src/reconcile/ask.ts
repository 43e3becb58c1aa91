import { within } from "../deadline.ts";
import { eventOfJob } from "../imggo/event-of-job.ts";
import type { Job } from "../imggo/job.ts";
import type { Jobs } from "../imggo/jobs.ts";
import type { Ingest, Ingested } from "../ingest.ts";
import { type Logger, withFields } from "../logger.ts";
import { type Failure, failureOf } from "./failure.ts";

/** What asking for a job came to. */
export type Asked =
  /** Its end was stored before: ImgGo was not asked. */
  | { readonly outcome: "known"; readonly eventId: string }
  | {
    readonly outcome: "stored" | "duplicate";
    /** Not there where nothing was to be stored. */
    readonly eventId?: string;
    /** As ImgGo writes it. */
    readonly jobId: string;
  }
  | { readonly outcome: "running" }
  | { readonly outcome: "failed"; readonly failure: Failure };

/** Asks ImgGo, and stores what it says. */
export interface Asker {
  /**
   * Asks for a job. One that is being asked for is not asked for twice: who comes later gets what
   * comes of it. Never rejects: where the signal aborts it has failed, and so it has after 90 s.
   *
   * @param lookUp Finds the id of its end, if that is stored: then ImgGo is not asked.
   */
  ask(
    jobId: string,
    signal: AbortSignal,
    lookUp?: () => Promise<string | undefined>,
  ): Promise<Asked>;
  /** Stores the end of a job, in the way of a webhook. Never rejects. */
  store(job: Job): Promise<Asked>;
}

const late = () => new Error("ImgGo did not answer in time.");
const askWithinMs = 90_000;
const storeWithinMs = 30_000;

/** Longer than {@linkcode Asker.ask} takes, however slow everything is, in milliseconds. */
export const askLeaseMs = 150_000;

/** Of a job whose result is not in ImgGo's answer. */
const noEnd: Failure = {
  kind: "unreadable",
  message: "ImgGo says that the job has ended, but not how.",
};

export function hasEnded({ status }: Job): boolean {
  return status === "succeeded" || status === "failed";
}

export function createAsker({ jobs, ingest, announce, logger, dryRun = false }: {
  readonly jobs: Jobs;
  readonly ingest: Ingest;
  /** Sees to what is now due. */
  readonly announce: (ingested: Ingested) => Promise<void>;
  readonly logger: Logger;
  /** Stores nothing. Default false. */
  readonly dryRun?: boolean;
}): Asker {
  const log = withFields(logger, { origin: "reconcile" });
  const asking = new Map<string, Promise<Asked>>();

  const get = async (jobId: string, signal: AbortSignal): Promise<Job> => {
    const giveUp = new AbortController();
    try {
      return await within(
        jobs.get(jobId, { signal: giveUp.signal }),
        askWithinMs,
        late,
        signal,
      );
    } finally {
      giveUp.abort();
    }
  };

  const store: Asker["store"] = async (job) => {
    const receivedAt = Date.now();
    const event = eventOfJob(job, receivedAt);
    if (!hasEnded(job)) return { outcome: "running" };
    if (event === undefined) return { outcome: "failed", failure: noEnd };
    if (dryRun) return { outcome: "stored", jobId: job.jobId };
    try {
      const deadline = performance.now() + storeWithinMs;
      const ingested = await ingest.own(event, { origin: "reconcile", receivedAt, deadline, log });
      await announce(ingested);
      const { id: eventId, duplicate } = ingested.stored;
      return { outcome: duplicate ? "duplicate" : "stored", eventId, jobId: job.jobId };
    } catch (error) {
      return { outcome: "failed", failure: failureOf(error) };
    }
  };

  const task = async (...[jobId, signal, lookUp]: Parameters<Asker["ask"]>): Promise<Asked> => {
    try {
      const eventId = await lookUp?.();
      if (eventId !== undefined) return { outcome: "known", eventId };
      signal.throwIfAborted();
      return await store(await get(jobId, signal));
    } catch (error) {
      return { outcome: "failed", failure: failureOf(error) };
    }
  };

  return {
    store,
    async ask(jobId, signal, lookUp) {
      const other = asking.get(jobId);
      const asked = other ?? task(jobId, signal, lookUp);
      asking.set(jobId, asked);
      try {
        // Whoever began it may have been cut off, and then it never ends.
        const result = await within(asked, askLeaseMs, late);
        const isSecond = other !== undefined && result.outcome === "stored";
        return isSecond ? { ...result, outcome: "duplicate" } : result;
      } catch (error) {
        return { outcome: "failed", failure: failureOf(error) };
      } finally {
        if (asking.get(jobId) === asked) asking.delete(jobId);
      }
    },
  };
}
