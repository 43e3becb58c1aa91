import { eventOfJob } from "../imggo/event-of-job.ts";
import type { Job } from "../imggo/job.ts";
import type { Jobs } from "../imggo/jobs.ts";
import type { Storage } from "../storage/storage.ts";
import { type Asker, hasEnded } from "./ask.ts";
import { type Failure, failureOf, isObstacle } from "./failure.ts";
import { ReconcileError, type ReconcileOptions } from "./options.ts";
import type { Report } from "./report.ts";

const pageSize = 100;
// Pages on which nothing can be read: jobs in a state that is not documented, for instance.
const mostBarren = 10;

/**
 * Asks for jobs that are named, and for those that ImgGo lists.
 *
 * Once a request fails for a reason that every other one would meet, none further is sent: what is
 * left has failed too.
 */
export async function reconcileByHand(
  { jobIds = [], since }: ReconcileOptions,
  signal: AbortSignal,
  { storage, jobs, asker, report }: {
    readonly storage: Storage;
    readonly jobs: Jobs;
    readonly asker: Asker;
    readonly report: Report;
  },
): Promise<void> {
  let obstacle: Failure | undefined;

  /** Asks for a job, unless asking has shown to be in vain. */
  const ask = async (jobId: string, lookUp?: () => Promise<string | undefined>): Promise<void> => {
    if (obstacle !== undefined) {
      const eventId = await lookUp?.();
      report.add(
        eventId === undefined
          ? { jobId, outcome: "failed", asked: false, error: obstacle.message }
          : { jobId, outcome: "known", asked: false, eventId },
      );
      return;
    }
    const asked = await asker.ask(jobId, signal, lookUp);
    signal.throwIfAborted();
    if (asked.outcome === "failed" && isObstacle(asked.failure)) obstacle = asked.failure;
    report.asked(jobId, asked);
  };

  /** One of a list, which says as much of a job as asking for it, or less. */
  const listed = async (job: Job): Promise<void> => {
    const { jobId, status } = job;
    if (!hasEnded(job)) {
      report.add({ jobId, outcome: "running", asked: false });
      return;
    }
    // A job that failed may have been run again: what came of that is another end.
    const event = status === "succeeded" ? "job.succeeded" : undefined;
    const eventId = await endOf(storage, jobId, event);
    if (eventId !== undefined) report.add({ jobId, outcome: "known", asked: false, eventId });
    else if (eventOfJob(job) === undefined) await ask(jobId);
    else report.asked(jobId, await asker.store(job), false);
  };

  for (const jobId of new Set(jobIds)) {
    signal.throwIfAborted();
    await ask(jobId, () => endOf(storage, jobId));
  }
  if (since !== undefined) {
    for await (const job of jobsSince(Number(since), jobs.list, signal, report.unreadable)) {
      signal.throwIfAborted();
      if (!report.has(job.jobId)) await listed(job);
    }
  }
}

/** The jobs that ImgGo lists, the newest first, each once. */
async function* jobsSince(
  since: number,
  list: Jobs["list"],
  signal: AbortSignal,
  onUnreadable: (count: number) => void,
): AsyncGenerator<Job> {
  const seen = new Set<string>();
  const isOld = ({ createdAt }: Job) => createdAt !== undefined && Date.parse(createdAt) < since;
  let barren = 0;
  for (let page = 1, more = true; more; page++) {
    const { jobs, unreadable, hasMore } = await list({ page, perPage: pageSize, signal })
      .catch((error: unknown) => {
        signal.throwIfAborted();
        throw failureOf(error).kind === "denied" ? listRefused(error) : error;
      });
    onUnreadable(unreadable);
    // New jobs move those before them to the next page.
    const fresh = jobs.filter(({ jobId }) => !seen.has(jobId));
    for (const job of fresh) seen.add(job.jobId);
    yield* fresh.filter((job) => !isOld(job));
    barren = fresh.length > 0 ? 0 : barren + 1;
    // A page without anything new is the one before again.
    const isAtEnd = jobs.some(isOld) || barren === (jobs.length > 0 ? 1 : mostBarren);
    more = hasMore && !isAtEnd;
  }
}

function listRefused(cause: unknown): ReconcileError {
  return new ReconcileError(
    "list_refused",
    "ImgGo does not list jobs to this API key. Name the jobs that are missing, or register each " +
      `with expect() when it is submitted. ImgGo's answer: ${failureOf(cause).message}`,
    { cause },
  );
}

/** The id of the stored end of a job: of any name, or of this one. */
async function endOf(
  storage: Storage,
  jobId: string,
  event?: "job.succeeded",
): Promise<string | undefined> {
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const page = await storage.list({
      state: "accepted",
      jobId,
      limit: pageSize,
      ...(event && { event }),
      ...(cursor && { cursor }),
    });
    if (page.events[0] !== undefined) return page.events[0].id;
    cursor = page.nextCursor;
  }
  return undefined;
}
