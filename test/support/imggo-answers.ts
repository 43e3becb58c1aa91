/** A webhook as the stand-in keeps it. */
export interface ServiceWebhook {
  readonly id: string;
  readonly url: string;
  events: readonly string[];
  readonly secret: string;
  active: boolean;
  readonly createdAt: string;
  lastTriggeredAt: string | null;
}

/** A job as the stand-in keeps it. */
export interface ServiceJob {
  readonly id: string;
  readonly patternId: string;
  readonly createdAt: string;
  status: "queued" | "running" | "succeeded" | "failed";
  result: unknown;
  error: { readonly code: string; readonly message: string } | null;
  endedAt: string | null;
}

/** Which of the documented forms the stand-in answers in. */
export interface Variants {
  /** What a list of webhooks is under. */
  readonly list: "data" | "data.data" | "data.webhooks";
  /** What a page of jobs is under. */
  readonly jobs: "data.data" | "data.jobs";
  /** How a webhook's id and state are called. */
  readonly webhook: "id, is_active" | "webhook_id, active";
  /** How a job is written. */
  readonly job: "id, manifest" | "job_id, result";
  /** Whether the answer of a failed job says `success: false`. */
  readonly failedJob: "success" | "no success";
  readonly error: "object" | "text";
}

/** The first of each. */
export const firstVariants: Variants = {
  list: "data",
  jobs: "data.data",
  webhook: "id, is_active",
  job: "id, manifest",
  failedJob: "success",
  error: "object",
};

/** The other of each. */
export const otherVariants: Variants = {
  list: "data.webhooks",
  jobs: "data.jobs",
  webhook: "webhook_id, active",
  job: "job_id, result",
  failedJob: "no success",
  error: "text",
};

export function webhookOf(webhook: ServiceWebhook, variants: Variants): Record<string, unknown> {
  const { id, url, events, active } = webhook;
  const times = { created_at: webhook.createdAt, last_triggered_at: webhook.lastTriggeredAt };
  return variants.webhook === "id, is_active"
    ? { id, url, events, is_active: active, ...times }
    : { webhook_id: id, url, events, active, ...times };
}

export function listOf(webhooks: readonly ServiceWebhook[], variants: Variants): unknown {
  const items = webhooks.map((webhook) => webhookOf(webhook, variants));
  const data = {
    "data": items,
    "data.data": { data: items },
    "data.webhooks": { webhooks: items },
  };
  return { success: true, data: data[variants.list] };
}

function jobFields(job: ServiceJob, variants: Variants): Record<string, unknown> {
  const { id, patternId, status, result, error, createdAt, endedAt } = job;
  if (variants.job === "id, manifest") {
    return {
      id,
      pattern_id: patternId,
      status,
      manifest: status === "succeeded" ? result : null,
      error: error?.message ?? null,
      created_at: createdAt,
      completed_at: endedAt,
    };
  }
  const words = { queued: "queued", running: "processing", succeeded: "completed", failed: status };
  return {
    job_id: id,
    pattern_id: patternId,
    status: words[status],
    created_at: createdAt,
    ...(status === "succeeded" && { result, confidence: 0.97, completed_at: endedAt }),
    ...(status === "failed" && { error, failed_at: endedAt }),
  };
}

export function jobOf(job: ServiceJob, variants: Variants): unknown {
  const success = job.status !== "failed" || variants.failedJob === "success";
  return { success, data: jobFields(job, variants) };
}

/** A page of jobs, the newest first. */
export function jobPageOf(
  jobs: readonly ServiceJob[],
  query: URLSearchParams,
  variants: Variants,
): unknown {
  const page = Number(query.get("page") ?? 1);
  const perPage = Math.min(100, Number(query.get("per_page") ?? query.get("limit") ?? 20));
  const wanted = [...jobs].reverse().filter((job) =>
    [null, String(job.status)].includes(query.get("status")) &&
    [null, job.patternId].includes(query.get("pattern_id"))
  );
  const items = wanted.slice((page - 1) * perPage, page * perPage)
    .map((job) => jobFields(job, variants));
  const pagination = { page, per_page: perPage, total: wanted.length };
  const name = variants.jobs === "data.data" ? "data" : "jobs";
  return { success: true, data: { [name]: items, pagination } };
}

export function errorOf(code: string, message: string, variants: Variants): unknown {
  return variants.error === "object"
    ? { success: false, error: { code, message, details: {} }, request_id: "req_1" }
    : { error: code.toLowerCase().replaceAll("_", " "), message, code };
}
