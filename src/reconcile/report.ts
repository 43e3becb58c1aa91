import type { Asked } from "./ask.ts";
import type { ReconciledJob, ReconcileResult } from "./options.ts";

/** Collects what becomes of each job. */
export interface Report {
  add(job: ReconciledJob): void;
  /** What asking for a job came to, or reading of it in a list. */
  asked(jobId: string, asked: Asked, isAsked?: boolean): void;
  /** So many of a list could not be read. */
  unreadable(count: number): void;
  has(jobId: string): boolean;
  result(): ReconcileResult;
}

export function createReport(onProgress?: (job: ReconciledJob) => void): Report {
  const jobs = new Map<string, ReconciledJob>();
  let unreadable = 0;
  const add: Report["add"] = (job) => {
    jobs.set(job.jobId, job);
    onProgress?.(job);
  };
  return {
    add,
    asked: (jobId, asked, isAsked = true) => add(describe(jobId, asked, isAsked)),
    unreadable: (count) => void (unreadable += count),
    has: (jobId) => jobs.has(jobId),
    result() {
      const all = [...jobs.values()];
      const counts = { known: 0, stored: 0, duplicate: 0, running: 0, unknown: 0, failed: 0 };
      for (const { outcome } of all) counts[outcome]++;
      return { asked: all.filter(({ asked }) => asked).length, counts, jobs: all, unreadable };
    },
  };
}

function describe(jobId: string, asked: Asked, isAsked: boolean): ReconciledJob {
  if (asked.outcome === "failed") {
    const { kind, message: error } = asked.failure;
    return { jobId, outcome: kind === "unknown" ? kind : "failed", asked: isAsked, error };
  }
  const { outcome } = asked;
  const eventId = outcome === "running" ? undefined : asked.eventId;
  return { jobId, outcome, asked: isAsked && outcome !== "known", ...(eventId && { eventId }) };
}
