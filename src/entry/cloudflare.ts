import type { admin } from "../admin.ts";
import { refuse, toResponse } from "../answer.ts";
import type { Config } from "../config.ts";
import { describeError } from "../describe-error.ts";
import { createDrainer } from "../drainer.ts";
import { WebhookError } from "../errors.ts";
import type { HandlerContext } from "../follow-up.ts";
import type { createImgGoClient, ImgGoClient } from "../imggo.ts";
import { createLogger, type Logger } from "../logger.ts";
import type { Plugin } from "../plugin.ts";
import { createReceiverWith, type Receiver, type ReceiverDrainOptions } from "../receiver.ts";
import type { ReceiverOptions } from "../receiver-options.ts";
import { createRejectionRate } from "../rejections.ts";
import { SettingsError } from "../settings/read.ts";
import type { ReceiverSettings } from "../settings/receiver.ts";
import type { d1Storage } from "../storage/d1.ts";
import type { Storage } from "../storage/storage.ts";
import {
  type CloudflareBindings,
  type QueueProducer,
  readBindings,
} from "./cloudflare-bindings.ts";
import { expectedD1Storage } from "./cloudflare-storage.ts";
import { loggerOf, processorsOf, receiverOptionsOf } from "./configured.ts";

export type { CloudflareBindings, QueueProducer } from "./cloudflare-bindings.ts";

/** What {@linkcode cloudflare} takes beside the configuration. */
export interface CloudflareOptions {
  /**
   * The most deliveries that one invocation runs; what is left is run by the next. Default 15: then
   * the 50 queries that the free plan allows an invocation will do. A paid plan allows 1,000, enough
   * for 100.
   */
  readonly deliveriesPerInvocation?: number;
  /**
   * `createImgGoClient` of `imggo-webhooks/imggo`: with it, and IMGGO_API_KEY, `scheduled()` asks for
   * results that never came. It is handed in, so that a Worker without it does not hold it. Takes
   * `d1Storage`.
   */
  readonly createImgGoClient?: typeof createImgGoClient;
  /**
   * What adds to the receivers: `openTelemetry()` of `imggo-webhooks/open-telemetry`, for instance.
   * Handed in for the same reason, and plugged into the receiver of each invocation. Takes
   * `d1Storage`.
   */
  readonly plugins?: readonly Plugin[];
  /**
   * `admin` of `imggo-webhooks/admin`: with it, and the secret ADMIN_TOKEN, there are `/admin` and
   * `/metrics`. Handed in for the same reason. Takes `d1Storage`.
   */
  readonly admin?: typeof admin;
  /**
   * `d1Storage` of `imggo-webhooks/storage/d1`, which what else is handed in looks with at what is
   * stored: a Worker by itself only receives, and works through what came. Not needed where the
   * configuration brings a storage.
   */
  readonly d1Storage?: typeof d1Storage;
}

/** A Worker: what Cloudflare calls. */
export interface CloudflareWorker {
  /** Receives webhooks. */
  readonly fetch: (
    request: Request,
    env: CloudflareBindings,
    context: HandlerContext,
  ) => Promise<Response>;
  /**
   * Runs what is due, as messages say that something is. When it rejects they come again. What they
   * hold does not matter: the database knows what is to be done. Where `ROLE` is `receiver` it does
   * nothing, nor does `scheduled()`.
   */
  readonly queue: (batch: unknown, env: CloudflareBindings) => Promise<void>;
  /** Runs what is due: retries, and what no message told of. Asks ImgGo for what is overdue. */
  readonly scheduled: (controller: unknown, env: CloudflareBindings) => Promise<void>;
}

/** What an isolate keeps from one invocation to the next: nothing that belongs to either. */
interface Kept {
  readonly env: CloudflareBindings;
  readonly options: Omit<ReceiverOptions, "storage">;
  readonly openStorage: () => Storage;
  readonly queue: QueueProducer | undefined;
  /** How much of an invocation may be spent on deliveries. */
  readonly drain: Required<ReceiverDrainOptions>;
}

// After an answer Cloudflare leaves a Worker 30 s.
const budgetMs = 25_000;
// So that an attempt ends by itself within the budget: what is given back at its end does not count.
const timeoutMs = 20_000;
// A lease that outlasts most invocations is seldom renewed, which costs a query each time.
const leaseMs = 60_000;
// All that the free plan's queries are enough for, by one claim.
const concurrency = 15;
// To ask ImgGo for a job and store its end takes up to ten queries.
const deliveriesPerAsk = 15;

const write = (line: string) => console.log(line);

/**
 * Makes a Worker that keeps events in the D1 database bound as `DB`. Settings are read from its
 * variables and secrets, and then from the configuration. Where a queue is bound as `QUEUE`, what
 * was stored is told to `queue()`; without one, what is due is run after the answer.
 *
 * Where a binding or a setting is wrong, the log says which, a sender gets 503, and `queue()` and
 * `scheduled()` reject.
 *
 * @throws {TypeError} when an option is invalid; the message says what was expected.
 *
 * @example
 * ```ts
 * import { handlers } from "imggo-webhooks";
 * import { cloudflare } from "imggo-webhooks/cloudflare";
 *
 * export default cloudflare({
 *   processors: {
 *     invoices: handlers({ "job.succeeded": (event) => console.log(event.data.result) }),
 *   },
 * });
 * ```
 */
export function cloudflare(
  config: Config = {},
  { deliveriesPerInvocation: limit = concurrency, ...parts }: CloudflareOptions = {},
): CloudflareWorker {
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new TypeError(
      `cloudflare(): deliveriesPerInvocation: expected a whole number of at least 1, got ${limit}.`,
    );
  }
  const { admin, createImgGoClient, plugins = [], d1Storage } = parts;
  const looks = admin !== undefined || createImgGoClient !== undefined || plugins.length > 0;
  if (looks && d1Storage === undefined && typeof config.storage !== "object") {
    throw new TypeError(
      `cloudflare(): d1Storage: ${expectedD1Storage}, beside what else is handed in.`,
    );
  }
  let last: Kept | undefined;

  const keep = (env: CloudflareBindings): Kept => {
    if (last?.env === env) return last;
    try {
      return last = prepare(env, config, limit, parts);
    } catch (error) {
      const problems = error instanceof SettingsError ? error.problems.join("; ") : undefined;
      createLogger({ write }).error("cannot start", { error: problems ?? describeError(error) });
      throw error;
    }
  };

  const sweep = async (env: CloudflareBindings, asks: boolean): Promise<void> => {
    const kept = keep(env);
    const { options, queue } = kept;
    if (options.role === "receiver") return;
    const drain = asks ? kept.drain : { ...kept.drain, asks: 0 };
    const startedAt = performance.now();
    const results = await receiverOf(kept).drain(drain);
    const ended = Object.values(results).reduce((sum, count) => sum + count, 0);
    // This ends: to come this far it has run deliveries, and none is run for ever.
    const isMoreDue = ended >= drain.limit || performance.now() - startedAt >= drain.budgetMs;
    if (isMoreDue) await queue?.send({});
  };

  return {
    async fetch(request, env, context) {
      let receiver: Receiver;
      try {
        receiver = notifyingReceiverOf(keep(env));
      } catch {
        return toResponse(refuse(new WebhookError("storage_unavailable")));
      }
      return await receiver.fetch(request, env, context);
    },
    queue: (_batch, env) => sweep(env, false),
    scheduled: (_controller, env) => sweep(env, true),
  };
}

function prepare(
  env: CloudflareBindings,
  config: Config,
  limit: number,
  parts: CloudflareOptions,
): Kept {
  const { settings, openStorage } = readBindings(env, config, parts.d1Storage);
  const worker = { concurrency, timeoutMs, leaseMs, ...config.worker };
  const logger = loggerOf(settings, { format: "json", write });
  const imggo = clientOf(settings, parts, logger);
  const options = {
    ...receiverOptionsOf(settings, { ...config, worker }),
    processors: processorsOf(settings, config),
    logger,
    plugins: pluginsOf(settings, parts, logger),
    ...(imggo && { imggo }),
    // One for all invocations: each has its own receiver.
    rejections: { rate: createRejectionRate() },
  };
  const drain = {
    limit,
    budgetMs: Math.max(budgetMs, worker.timeoutMs + 5_000),
    asks: Math.max(1, Math.floor(limit / deliveriesPerAsk)),
  };
  return { env, options, openStorage, queue: env.QUEUE, drain };
}

/** The client of ImgGo's API, where there is a key and the means to make it. */
function clientOf(
  { imggo: { apiKey, ...api } }: ReceiverSettings,
  { createImgGoClient: createClient }: CloudflareOptions,
  logger: Logger,
): ImgGoClient | undefined {
  if (apiKey === undefined) return undefined;
  if (createClient !== undefined) return createClient({ apiKey, ...api });
  logger.warn("IMGGO_API_KEY is set, but ImgGo is not asked", {
    error:
      "expected cloudflare(config, { createImgGoClient, d1Storage }), from imggo-webhooks/imggo and " +
      "imggo-webhooks/storage/d1",
  });
  return undefined;
}

/** What operators have, where there is a token for them and the means to make it. */
function pluginsOf(
  { adminToken: token }: ReceiverSettings,
  { admin, plugins = [] }: CloudflareOptions,
  logger: Logger,
): readonly Plugin[] {
  if (token === undefined) return plugins;
  if (admin !== undefined) return [admin({ token }), ...plugins];
  logger.warn("ADMIN_TOKEN is set, but there is nothing to be let into", {
    error: "expected cloudflare(config, { admin, d1Storage }), from imggo-webhooks/admin and " +
      "imggo-webhooks/storage/d1",
  });
  return plugins;
}

/**
 * A receiver for one invocation, with a worker that only drains. On Workers nothing that was begun in
 * one may be awaited in another, and what was cut off never ends.
 */
function receiverOf({ options, openStorage }: Kept, notify?: ReceiverOptions["notify"]): Receiver {
  const own = { ...options, storage: openStorage(), ...(notify && { notify }) };
  return createReceiverWith(createDrainer, own);
}

function notifyingReceiverOf(kept: Kept): Receiver {
  const { options, queue, drain } = kept;
  if (queue !== undefined) return receiverOf(kept, (id) => queue.send({ id }));
  if (options.role === "receiver") return receiverOf(kept);
  const receiver = receiverOf(kept, () => receiver.drain({ ...drain, budgetMs, asks: 0 }));
  return receiver;
}

/** The Worker without processors of its own: it forwards to `FORWARD_URL`, or logs. */
const worker: CloudflareWorker = cloudflare();

export default worker;
