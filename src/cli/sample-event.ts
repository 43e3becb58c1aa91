/** The ways in which ImgGo's documents and ImgGo itself write an event. */
export const dialects = ["nested", "manifest", "result"] as const;
export type Dialect = (typeof dialects)[number];

/** What can be triggered. */
export const sampleNames = ["job.succeeded", "job.failed", "job.queued"] as const;
export type SampleName = (typeof sampleNames)[number];

const sampleResult = {
  vendor: "Café Zürich",
  date: "2026-01-15",
  total: 12.5,
  currency: "EUR",
  lines: [{ text: "Espresso", quantity: 2, price: 3.25 }, {
    text: "Croûte",
    quantity: 1,
    price: 6,
  }],
};

const message = "Image could not be read";

/** The body of a new job's event, as ImgGo would send it in one of its dialects. */
export function sampleEvent(
  name: SampleName,
  dialect: Dialect,
  result: unknown = sampleResult,
): string {
  const job_id = crypto.randomUUID();
  const pattern_id = crypto.randomUUID();
  const now = new Date().toISOString();
  if (name === "job.queued") return JSON.stringify({ event: name, job_id, created_at: now });

  const succeeded = name === "job.succeeded";
  if (dialect === "nested") {
    const data = succeeded
      ? { job_id, pattern_id, status: "succeeded", result }
      : { job_id, pattern_id, status: "failed", error: message };
    return JSON.stringify({ event: name, data, timestamp: now });
  }
  if (dialect === "manifest") {
    const outcome = succeeded
      ? { manifest: result, error: null }
      : { manifest: null, error: message };
    return JSON.stringify({ event: name, job_id, pattern_id, ...outcome, timestamp: now });
  }
  const outcome = succeeded
    ? { status: "completed", result, confidence: 0.97, processing_time_ms: 3420 }
    : { status: "failed", error: { code: "invalid_image", message } };
  return JSON.stringify({
    event: succeeded ? "job.completed" : name,
    job_id,
    pattern_id,
    ...outcome,
    created_at: now,
    [succeeded ? "completed_at" : "failed_at"]: now,
  });
}
