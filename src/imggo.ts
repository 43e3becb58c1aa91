/**
 * A client of ImgGo's API that is frugal, patient and careful: it keeps to the rate that a plan
 * allows, waits as ImgGo asks, gives up in time, and repeats no write blindly.
 *
 * @example
 * ```ts
 * import { createImgGoClient } from "imggo-webhooks/imggo";
 *
 * const imggo = createImgGoClient({ apiKey: "the key of your account" });
 * const { status } = await imggo.jobs.get("6b1f3c2a-8d5e-4f0a-9c7b-2e1d0f9a8b7c");
 * ```
 *
 * @module
 */
import { createJobs, type Jobs } from "./imggo/jobs.ts";
import { apiKeyProblem, baseUrlProblem, defaultBaseUrl } from "./imggo/options.ts";
import { createPatterns, type Patterns } from "./imggo/patterns.ts";
import { createApi } from "./imggo/request.ts";
import { createWebhooks, type Webhooks } from "./imggo/webhooks.ts";
import { createReconciler } from "./reconcile.ts";
import type { Reconciler, ReconcilerParts } from "./reconcile/reconciler.ts";

export type { Webhook } from "./imggo/answers.ts";
export type { Drift } from "./imggo/drift.ts";
export { ImgGoError, type ImgGoErrorDetails } from "./imggo/errors.ts";
export { eventOfJob } from "./imggo/event-of-job.ts";
export type { Job, JobStatus } from "./imggo/job.ts";
export type { JobError } from "./job-fields.ts";
export type { JobPage, JobQuery, Jobs } from "./imggo/jobs.ts";
export type { Pattern, Patterns } from "./imggo/patterns.ts";
export type { CallOptions } from "./imggo/request.ts";
export type {
  CreatedWebhook,
  EnsuredWebhook,
  EnsureOptions,
  WebhookRequest,
  Webhooks,
} from "./imggo/webhooks.ts";

// A runtime's timer fires at once when it is set for longer.
const longestTimerMs = 2 ** 31 - 1;

/** What {@linkcode createImgGoClient} takes. */
export interface ImgGoClientOptions {
  /** The key of an ImgGo account. It is only ever sent to `baseUrl`, and shown nowhere. */
  readonly apiKey: string;
  /** `https:`, unless it is on this machine. Default `https://img-go.com/api`. */
  readonly baseUrl?: string;
  /** Default the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** At most so many requests start in any minute. Default 5, the free plan's. */
  readonly requestsPerMinute?: number;
  /** How long one request may take, in milliseconds. Default 15,000. */
  readonly timeoutMs?: number;
  /**
   * How long a call may take with all its requests and waits, in milliseconds. A wait that would
   * be longer is not begun. Default 80,000: the longest wait for a turn, and a request.
   */
  readonly deadlineMs?: number;
}

/** A client of ImgGo's API. */
export interface ImgGoClient {
  /** The webhooks of the account. */
  readonly webhooks: Webhooks;
  /** The jobs of the account. */
  readonly jobs: Jobs;
  /** What images are looked at for. */
  readonly patterns: Patterns;
  /**
   * For receivers: makes what asks for results that never came. It comes with the client, so that a
   * bundle without one does not hold it.
   *
   * @internal
   */
  readonly createReconciler: (parts: ReconcilerParts) => Reconciler;
}

/**
 * Makes a client of ImgGo's API.
 *
 * @throws {TypeError} when an option is unfit.
 */
export function createImgGoClient(options: ImgGoClientOptions): ImgGoClient {
  const { apiKey, baseUrl = defaultBaseUrl, requestsPerMinute = 5 } = options;
  const { timeoutMs = 15_000, deadlineMs = 80_000 } = options;
  const positive = (value: number) =>
    Number.isInteger(value) && value >= 1 && value <= longestTimerMs
      ? undefined
      : `expected a whole number from 1 to ${longestTimerMs}, got ${value}`;
  const problems = Object.entries({
    apiKey: apiKeyProblem(apiKey),
    baseUrl: baseUrlProblem(baseUrl),
    requestsPerMinute: positive(requestsPerMinute),
    timeoutMs: positive(timeoutMs),
    deadlineMs: positive(deadlineMs),
  }).flatMap(([name, problem]) => problem === undefined ? [] : [`${name}: ${problem}`]);
  if (problems.length > 0) {
    throw new TypeError(`createImgGoClient() cannot use its options: ${problems.join("; ")}.`);
  }
  const api = createApi({
    apiKey,
    baseUrl,
    requestsPerMinute,
    timeoutMs,
    deadlineMs,
    // Taken when it is used: a runtime's own refuses to be called as another object's method.
    fetch: (input, init) => (options.fetch ?? fetch)(input, init),
  });
  return {
    webhooks: createWebhooks(api),
    jobs: createJobs(api),
    patterns: createPatterns(api),
    createReconciler,
  };
}
