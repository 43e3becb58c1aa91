/** What a job's end says, before ImgGo writes it in one of its dialects. */
export interface Job {
  readonly job_id: string;
  readonly pattern_id: string;
  readonly timestamp: string;
  readonly result: unknown;
  readonly message: string;
  readonly code: string;
}

/** One way in which ImgGo writes a job's end. */
export interface Dialect {
  readonly succeeded: (job: Job) => Record<string, unknown>;
  readonly failed: (job: Job) => Record<string, unknown>;
}

export const sampleJob: Job = {
  job_id: "6b1f3c2a-8d5e-4f0a-9c7b-2e1d0f9a8b7c",
  pattern_id: "pat_invoices",
  timestamp: "2026-01-15T10:30:00Z",
  result: { total: 12.5, lines: [{ text: "Käse", price: "null" }] },
  message: "Image could not be read",
  code: "invalid_image",
};

/** Fields under `data`: what ImgGo's guide shows. */
export const nested: Dialect = {
  succeeded: ({ job_id, pattern_id, result, timestamp }) => ({
    event: "job.succeeded",
    data: { job_id, pattern_id, status: "succeeded", result },
    timestamp,
  }),
  failed: ({ job_id, pattern_id, message, timestamp }) => ({
    event: "job.failed",
    data: { job_id, pattern_id, status: "failed", error: message },
    timestamp,
  }),
};

/** Flat, with `manifest` and `error`, one of them null: what the platform sends. */
export const flatWithManifest: Dialect = {
  succeeded: ({ job_id, pattern_id, result, timestamp }) => ({
    event: "job.succeeded",
    job_id,
    pattern_id,
    manifest: result,
    error: null,
    timestamp,
  }),
  failed: ({ job_id, pattern_id, message, timestamp }) => ({
    event: "job.failed",
    job_id,
    pattern_id,
    manifest: null,
    error: message,
    timestamp,
  }),
};

/** Flat, with `result`, an error object and other times: what ImgGo's API reference shows. */
export const flatWithResult: Dialect = {
  succeeded: ({ job_id, pattern_id, result, timestamp }) => ({
    event: "job.completed",
    job_id,
    pattern_id,
    status: "completed",
    result,
    confidence: 0.97,
    processing_time_ms: 3420,
    created_at: "2026-01-15T10:29:42Z",
    completed_at: timestamp,
  }),
  failed: ({ job_id, pattern_id, message, code, timestamp }) => ({
    event: "job.failed",
    job_id,
    pattern_id,
    status: "failed",
    error: { code, message },
    created_at: "2026-01-15T10:29:42Z",
    failed_at: timestamp,
  }),
};

export const dialects: Readonly<Record<string, Dialect>> = {
  nested,
  "flat with manifest": flatWithManifest,
  "flat with result": flatWithResult,
};

/** The sample job's success, as the platform sends it. */
export const success: Record<string, unknown> = flatWithManifest.succeeded(sampleJob);

/** The sample job's failure, as the platform sends it. */
export const failure: Record<string, unknown> = flatWithManifest.failed(sampleJob);

/** Text as UTF-8, anything else as JSON. */
export function toBytes(payload: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(typeof payload === "string" ? payload : JSON.stringify(payload));
}
