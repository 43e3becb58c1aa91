import * as v from "valibot";
import { expectedSegment, isSegment } from "./imggo/segment.ts";
import { expectedId, jobId as idSchema } from "./job-fields.ts";
import type { Storage } from "./storage/storage.ts";

/** What `expect()` takes beside the job. */
export interface ExpectOptions {
  /** The job's pattern, for those who look at what is awaited. */
  readonly patternId?: string | null;
  /** After how many milliseconds ImgGo is asked. Default 600,000: ten minutes. */
  readonly deadlineMs?: number;
}

/** Awaits the end of a job; `fulfilled`: it is stored already. */
export type Expect = (
  jobId: string,
  options?: ExpectOptions,
) => Promise<"waiting" | "fulfilled">;

const longestDeadlineMs = 365 * 24 * 3_600_000;

/** Makes what remembers whose ends are awaited, and tells of each that is. */
export function createExpect(storage: Storage, tell: () => void): Expect {
  return async (jobId, { patternId = null, deadlineMs = 600_000 } = {}) => {
    refuseUnless(isSegment(jobId), `jobId: ${expectedSegment}`);
    refuseUnless(patternId === null || v.is(idSchema, patternId), `patternId: ${expectedId}`);
    refuseUnless(
      typeof deadlineMs === "number" && deadlineMs >= 0 && deadlineMs <= longestDeadlineMs,
      `deadlineMs: expected 0 to ${longestDeadlineMs} milliseconds`,
    );
    const state = await storage.expectations.add({ jobId, patternId, withinMs: deadlineMs });
    if (state === "waiting") tell();
    return state;
  };
}

function refuseUnless(fits: boolean, expected: string): void {
  if (!fits) throw new TypeError(`expect(): ${expected}.`);
}
