/**
 * Receives ImgGo's webhooks and loses none: verified, durable, deduplicated, processed.
 *
 * @example
 * ```ts
 * import { createReceiver, handlers } from "imggo-webhooks";
 * import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
 *
 * const receiver = createReceiver({
 *   secret: "the secret that ImgGo showed once",
 *   storage: sqliteStorage("./imggo-webhooks.db"),
 *   processors: {
 *     invoices: handlers({ "job.succeeded": (event) => console.log(event.data.result) }),
 *   },
 *   logger: console,
 * });
 * export default { fetch: receiver.fetch };
 * ```
 *
 * @module
 */
export type { BackoffOptions } from "./backoff.ts";
export { type Config, defineConfig } from "./config.ts";
export {
  type PayloadIssue,
  WebhookError,
  type WebhookErrorCode,
  type WebhookErrorDetails,
} from "./errors.ts";
export {
  type JobData,
  type JobFailedEvent,
  type JobSucceededEvent,
  type ParsedEvent,
  parseEvent,
  type WebhookEvent,
} from "./event.ts";
export type { JobError } from "./job-fields.ts";
export {
  createLogger,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
} from "./logger.ts";
export { chatOnFailure, type ChatOnFailureOptions } from "./processor/chat-on-failure.ts";
export { filter } from "./processor/filter.ts";
export { forward, type ForwardOptions } from "./processor/forward.ts";
export {
  type Handlers,
  handlers,
  type PatternSchemas,
  type TypedJobSucceededEvent,
} from "./processor/handlers.ts";
export { log } from "./processor/log.ts";
export { map } from "./processor/map.ts";
export type { Plugged, Plugin, PluginHost, Route, RouteExchange } from "./plugin.ts";
export {
  PermanentError,
  type Processor,
  type ProcessorContext,
  RetryLater,
} from "./processor/processor.ts";
export type {
  OutputOf,
  StandardIssue,
  StandardResult,
  StandardSchema,
} from "./processor/standard-schema.ts";
export { transactional, type TransactionContext } from "./processor/transactional.ts";
export type { HandlerContext } from "./follow-up.ts";
export type { Expect, ExpectOptions } from "./expect.ts";
export type { Answer } from "./answer.ts";
export type { BodyLimits } from "./body.ts";
export type { WebhookRequest } from "./webhook.ts";
export { createReceiver, type Receiver, type ReceiverDrainOptions } from "./receiver.ts";
export {
  type ReconciledJob,
  ReconcileError,
  type ReconcileErrorCode,
  type ReconcileOptions,
  type ReconcileOutcome,
  type ReconcileResult,
} from "./reconcile/options.ts";
export { createRejectionRate, type RejectionOptions } from "./rejections.ts";
export type { ReverifyOptions, ReverifyResult } from "./reverify.ts";
export type { ReceiverOptions } from "./receiver-options.ts";
export type { Role } from "./role.ts";
export {
  type SecretKey,
  sign,
  type VerifiedBytes,
  type VerifyingSecret,
  verifySignature,
} from "./signature.ts";
export type { Activity, ActivityCounts, ActivityMinute, ActivityName } from "./storage/activity.ts";
export type { Expectation, ExpectationPage, Expectations } from "./storage/expectations.ts";
export type {
  NewRejection,
  Rejection,
  RejectionLimits,
  RejectionPage,
  Rejections,
} from "./storage/rejections.ts";
export {
  type Acceptance,
  type Attempt,
  type AttemptState,
  type Claim,
  type ClaimRequest,
  type ClaimResult,
  type DeadFilter,
  type DeadGroup,
  type Delivery,
  type DeliveryState,
  type EventFilter,
  type EventOrigin,
  type EventPage,
  type EventState,
  type Lease,
  type LeaseRequest,
  type NewEvent,
  type Outcome,
  type Storage,
  StorageError,
  type StorageErrorCode,
  type StorageHealth,
  type StorageStats,
  type StoredEvent,
} from "./storage/storage.ts";
export type {
  Accepted,
  AnswerCode,
  Answered,
  Attempted,
  Observer,
  Span,
  SpanAttributes,
  SpanOptions,
  Tracer,
} from "./telemetry.ts";
export type { TokenBucket } from "./token-bucket.ts";
export type { AttemptResult } from "./attempt.ts";
export type { DrainOptions, DrainResult } from "./drainer.ts";
export type { WorkerOptions } from "./worker-options.ts";
