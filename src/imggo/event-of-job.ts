import type { WebhookEvent } from "../event.ts";
import type { Job } from "./job.ts";

/**
 * The event that the webhook of an ended job is, or would have been.
 *
 * @param now The event's time where ImgGo named none, in milliseconds since 1970.
 * @returns Undefined for a job that has not ended, and for one whose result the answer did not hold.
 */
export function eventOfJob(job: Job, now: number = Date.now()): WebhookEvent | undefined {
  const { jobId: job_id, patternId: pattern_id, extra, error } = job;
  const timestamp = job.endedAt ?? new Date(now).toISOString();
  if (job.status === "succeeded" && "result" in job) {
    const data = { job_id, pattern_id, status: "succeeded" as const, result: job.result, ...extra };
    return { event: "job.succeeded", data, timestamp };
  }
  if (job.status === "failed" && error !== undefined) {
    const data = { job_id, pattern_id, status: "failed" as const, error, ...extra };
    return { event: "job.failed", data, timestamp };
  }
  return undefined;
}
