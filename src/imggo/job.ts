import * as v from "valibot";
import {
  extraFields,
  isRecord,
  isTimestamp,
  type JobError,
  jobError,
  type JsonRecord,
  patternId,
  resultField,
} from "../job-fields.ts";
import { anyId, time } from "./answers.ts";

/** How far a job is. */
export type JobStatus = "queued" | "running" | "succeeded" | "failed";

/** A job as ImgGo's API tells of it, in its one form. */
export interface Job {
  /** ImgGo's id of it. */
  readonly jobId: string;
  /** The pattern that it is run with; null where ImgGo names none. */
  readonly patternId: string | null;
  /** How far it is. */
  readonly status: JobStatus;
  /**
   * Of one that succeeded: what the pattern made of the image, any JSON value, null included. Not
   * there where the answer had none, as those of a list may not; ask for the job itself then.
   */
  readonly result?: unknown;
  /** Of one that failed. */
  /** Of one that failed. */
  readonly error?: JobError;
  /** ISO 8601, as ImgGo wrote it. */
  readonly createdAt?: string;
  /** ISO 8601, as ImgGo wrote it. */
  readonly endedAt?: string;
  /** Whatever else ImgGo said, by its own names: what an event keeps under `data`. */
  readonly extra: Readonly<Record<string, unknown>>;
}

const statuses: ReadonlyMap<string, JobStatus> = new Map([
  ["queued", "queued"],
  ["running", "running"],
  ["processing", "running"],
  ["succeeded", "succeeded"],
  ["completed", "succeeded"],
  ["failed", "failed"],
]);

const expectedStatus = `expected one of ${[...statuses.keys()].join(", ")}`;

const expectedJob = "expected a job with its id and status";

const head = v.pipe(
  v.object({
    id: v.nullish(anyId),
    job_id: v.nullish(anyId),
    pattern_id: patternId,
    status: v.pipe(
      v.string(expectedStatus),
      v.check((text) => statuses.has(text.toLowerCase()), expectedStatus),
      v.transform((text) => statuses.get(text.toLowerCase()) as JobStatus),
    ),
    created_at: time,
  }, expectedJob),
  v.check(({ id, job_id }) => (id ?? job_id) != null, "expected `id` or `job_id`"),
);

/**
 * A job, under either of the names of each of its fields.
 *
 * @param whole Whether a null is the job's result, and no error the lack of one. In a list they
 * may as well have been left out.
 */
export const jobSchema = (whole: boolean): v.GenericSchema<unknown, Job> =>
  v.pipe(
    v.custom<JsonRecord>(isRecord, expectedJob),
    v.rawTransform(({ dataset: { value: wire }, addIssue, NEVER }): Job => {
      const parsed = v.safeParse(head, wire);
      const error = v.safeParse(jobError, wire["error"]);
      const failed = parsed.success && parsed.output.status === "failed";
      const issue = parsed.issues?.[0] ?? (failed ? error.issues?.[0] : undefined);
      if (issue !== undefined || !parsed.success) {
        addIssue({ message: issue?.message ?? expectedJob });
        return NEVER;
      }
      const { id, job_id, pattern_id, status, created_at } = parsed.output;
      const field = status === "succeeded" ? resultField(wire) : undefined;
      const hasResult = field !== undefined && (whole || wire[field] !== null);
      const hasError = error.success && failed && (whole || wire["error"] != null);
      const endedAt = [wire["completed_at"], wire["failed_at"]].find(isTimestamp);
      return {
        jobId: String(job_id ?? id),
        patternId: pattern_id,
        status,
        ...(hasResult && { result: wire[field] }),
        ...(hasError && { error: error.output }),
        ...(created_at !== undefined && { createdAt: created_at }),
        ...(endedAt !== undefined && { endedAt }),
        extra: extraFields(wire, [
          "id",
          "job_id",
          "pattern_id",
          "status",
          ...(field === undefined ? [] : [field]),
          ...(failed ? ["error"] : []),
        ]),
      };
    }),
  );
