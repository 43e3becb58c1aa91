import { IttyRouter } from "itty-router/IttyRouter";
import { type Answer, refuse, toResponse, withHeader } from "./answer.ts";
import { readBody } from "./body.ts";
import { describeError } from "./describe-error.ts";
import type { DrainOptions, DrainResult, WorkerParts } from "./drainer.ts";
import { WebhookError } from "./errors.ts";
import { defaultDedupeKey } from "./event.ts";
import { type Exchange, openExchange } from "./exchange.ts";
import { createExpect, type Expect } from "./expect.ts";
import { createFollowUp, type HandlerContext } from "./follow-up.ts";
import { createIngest } from "./ingest.ts";
import { guarded, silentLogger } from "./logger.ts";
import { healthPath, isAt, readyPath } from "./paths.ts";
import { pingWithin } from "./storage/ping-within.ts";
import { pathParameters } from "./path-parameters.ts";
import { plugIn } from "./plugged.ts";
import type { PluginHost } from "./plugin.ts";
import { type ReceiverOptions, receiverProblems } from "./receiver-options.ts";
import type { ReconcileOptions, ReconcileResult } from "./reconcile/options.ts";
import { createUnasked } from "./reconcile/unasked.ts";
import { createRejectionKeeper } from "./rejections.ts";
import { createReverify, type ReverifyOptions, type ReverifyResult } from "./reverify.ts";
import { tracedRequest } from "./traced-request.ts";
import { createWebhook, type WebhookRequest } from "./webhook.ts";
import type { WorkerOptions } from "./worker-options.ts";
import { createWorker, type ReceiverWorker } from "./worker.ts";

/** A receiver: a Fetch handler, and a worker for what it accepts. */
export interface Receiver {
  /**
   * Answers a request; it never rejects. Needs no `this`, so it can be passed on as it is.
   *
   * With processors, the worker starts with the first request; where the runtime brings a
   * `waitUntil` instead of a lasting process, what is due is worked through after the answer. With
   * `notify` it does neither.
   */
  readonly fetch: (request: Request, env?: unknown, context?: HandlerContext) => Promise<Response>;
  /** Where the webhook is received, `basePath` included. */
  readonly path: string;
  /**
   * Answers a POST to the webhook that came as something else than a Fetch `Request`: for servers and
   * platforms that have their own. Whoever calls it has looked at method and path; for all else there
   * is `fetch`. It never rejects.
   */
  readonly receive: (request: WebhookRequest, context?: HandlerContext) => Promise<Answer>;
  /** Starts the worker now, not with the first request. */
  readonly start: () => void;
  /**
   * Stops the worker: claims nothing more, lets running processors end for 3 s, then aborts them
   * and gives their deliveries back without burning an attempt. Resolves within 4 s.
   */
  readonly stop: () => Promise<void>;
  /**
   * Works through what is due within a budget (default 25 s), and asks ImgGo for what is overdue:
   * for cron handlers.
   */
  readonly drain: (options?: ReceiverDrainOptions) => Promise<DrainResult>;
  /**
   * Awaits the end of a job that was submitted. Where it is not stored by the deadline, and there is
   * a client (`imggo`), ImgGo is asked until the job has ended; what it says is an event like one
   * that was sent, and a webhook that still comes is its duplicate. Called again, it keeps the
   * earlier deadline.
   *
   * @returns `fulfilled`: the job's end is stored already, nothing is awaited.
   * @throws {TypeError} when an argument is invalid; {@linkcode StorageError} and the like.
   */
  readonly expect: Expect;
  /**
   * Asks ImgGo now for jobs whose ends did not come: for those that are named, for all since a time,
   * or, without either, for those that are awaited and due to be asked for. Never for one whose end
   * is stored. Safe to repeat and to break off.
   *
   * @throws {ReconcileError} `no_client`; `list_refused` where ImgGo lists no jobs to the API key.
   * @throws {TypeError} when an option is invalid.
   */
  readonly reconcile: (options?: ReconcileOptions) => Promise<ReconcileResult>;
  /**
   * Checks what was refused for its signature again, with the secrets of now, and takes what passes
   * as if it had been taken when it came. Safe to repeat and to break off.
   */
  readonly reverify: (options?: ReverifyOptions) => Promise<ReverifyResult>;
}

/** What a receiver's drain may take. */
export interface ReceiverDrainOptions extends DrainOptions {
  /** The most jobs that ImgGo is asked for. Default all that are overdue. */
  readonly asks?: number;
}

const readyWithinMs = 2_000;
const rejectionsWithinMs = 3_000;

const requestIdHeader = "X-Request-Id";

type Handler = (request: Request, exchange: Exchange) => Promise<Response> | Response;

/**
 * Makes a receiver.
 *
 * @throws {TypeError} when an option is invalid; the message says what was expected.
 *
 * @example
 * ```ts
 * const receiver = createReceiver({
 *   secret: "the secret that ImgGo showed once",
 *   storage: sqliteStorage("./imggo-webhooks.db"),
 *   processors: { invoices: handlers({ "job.succeeded": (event) => save(event.data.result) }) },
 * });
 * export default { fetch: receiver.fetch };
 * ```
 */
export function createReceiver(options: ReceiverOptions): Receiver {
  return createReceiverWith(createWorker, options);
}

/** Makes a receiver with another worker than the one that lasts. */
export function createReceiverWith(
  createWorker: (parts: WorkerParts, options?: WorkerOptions) => ReceiverWorker,
  options: ReceiverOptions,
): Receiver {
  const {
    storage,
    processors = {},
    path = "/webhook",
    basePath = "",
    maxBodyBytes = 1_048_576,
    dedupeKey = defaultDedupeKey,
    role = "all",
    notify,
    imggo,
    rejections = {},
    plugins = [],
  } = options;
  const secrets = [options.secret ?? [], options.secrets ?? []].flat();
  const [problem] = receiverProblems(options);
  if (problem !== undefined) throw new TypeError(`createReceiver(): ${problem}.`);

  const logger = guarded(options.logger ?? silentLogger);
  const names = Object.keys(processors);
  const host: PluginHost = {
    storage,
    processors: names,
    role,
    basePath,
    path: basePath + path,
    logger,
    expect: (jobId, options) => expect(jobId, options),
    reverify: (options) => reverify(options),
    drain: (options) => drain(options),
    workSoon: (context, id) => workSoon(context, id),
  };
  const plugged = plugIn(plugins, host);
  const { observer, tracer, flush } = plugged;

  const worker = createWorker({ storage, processors, logger, observer, tracer }, options.worker);
  const works = role !== "receiver" && names.length > 0;
  const ingest = createIngest(
    {
      storage,
      secrets,
      secretKey: options.secretKey,
      processors: names,
      dedupeKey,
      observer,
      tracer,
    },
  );
  const { announce, workSoon } = createFollowUp({ worker, works, notify, logger, flush });
  const asks = role !== "receiver";
  const reconciler = imggo?.createReconciler(
    { storage, jobs: imggo.jobs, asks, ingest, announce, logger },
  ) ?? createUnasked({ storage, asks, logger });
  const expect = createExpect(storage, () => reconciler.awaits?.());
  const reverify = createReverify({ storage, ingest, announce, logger });
  const keeper = rejections
    ? createRejectionKeeper({ storage, options: rejections, logger })
    : undefined;

  const webhook = createWebhook({
    ingest,
    announce,
    keeper,
    reserve: worker.reserve,
    maxBodyBytes,
  });
  const traced = (request: WebhookRequest, exchange: Exchange) =>
    tracedRequest(tracer, host.path, () => webhook(request, exchange));

  const ready: Handler = async () => {
    const health = await pingWithin(storage, readyWithinMs).catch((cause) => {
      throw new WebhookError("storage_unavailable", {}, { cause });
    });
    return Response.json({ status: "ready", ...(health?.spooling && { spooling: true }) });
  };

  const router = IttyRouter({ base: basePath });
  const route = (at: string, methods: readonly string[], handler: Handler) =>
    router.all(at, async (request: Request, exchange: Exchange) => {
      if (methods.includes(request.method)) return await handler(request, exchange);
      exchange.code = "method_not_allowed";
      const refused = refuse(new WebhookError("method_not_allowed"));
      return toResponse(withHeader(refused, "Allow", methods.join(", ")));
    });
  const uncounted = (handler: Handler): Handler => (request, exchange) => {
    exchange.isCounted = false;
    return handler(request, exchange);
  };
  route(healthPath, ["GET", "HEAD"], uncounted(() => Response.json({ status: "ok" })));
  route(readyPath, ["GET", "HEAD"], uncounted(ready));
  if (role !== "worker") {
    route(
      path,
      ["POST"],
      async (request, exchange) => toResponse(await traced(fetchRequest(request), exchange)),
    );
  }
  for (const { path, methods, handle } of plugged.routes) {
    route(
      path,
      methods,
      uncounted((request, { log, context }) =>
        handle(request, { parameters: pathParameters(request), log, context })
      ),
    );
  }

  const start = () =>
    tracer.detached(() => {
      if (works) worker.start?.();
      reconciler.start();
    });

  const drain: Receiver["drain"] = async ({ asks = Infinity, ...options } = {}) => {
    const { budgetMs = 25_000, limit = Infinity } = options;
    const end = performance.now() + budgetMs;
    try {
      // Side by side: neither waits for the other.
      const asking = reconciler.drain({ budgetMs, asks });
      const results = await worker.drain(options).finally(() => asking);
      const stored = await asking;
      const left = limit - Object.values(results).reduce((sum, count) => sum + count, 0);
      if (stored === 0 || left <= 0) return results;
      const more = await worker.drain({ budgetMs: end - performance.now(), limit: left });
      return addCounts(results, more);
    } finally {
      await flush?.();
    }
  };

  const begin = (requestId: string | null, context: HandlerContext | undefined) => {
    if (notify === undefined && !context?.waitUntil) start();
    return openExchange(requestId, logger, context);
  };
  const end = ({ isCounted, code, startedAt, context }: Exchange, status: number) => {
    if (isCounted) observer.answered({ status, code, durationMs: performance.now() - startedAt });
    if (flush && context?.waitUntil) context.waitUntil(flush());
  };

  const receive: Receiver["receive"] = async (request, context) => {
    const exchange = begin(request.header(requestIdHeader), context);
    const answer = await traced(request, exchange).catch((error) => explain(error, exchange));
    end(exchange, answer.status);
    return withHeader(answer, requestIdHeader, exchange.requestId);
  };

  const answerRoute = async (request: Request, exchange: Exchange): Promise<Response> => {
    try {
      // Some servers hand on a target that makes no URL; the router would throw.
      const answered: Response | undefined = URL.canParse(request.url)
        ? await router.fetch(request, exchange)
        : undefined;
      // So that a webhook which was registered with another path shows in the log. Its path does
      // not: it is a stranger's text.
      if (answered === undefined && request.method === "POST") {
        exchange.log.warn("POST to another path than the webhook's", { webhook: host.path });
      }
      return answered ?? toResponse(refuse(new WebhookError("not_found")));
    } catch (error) {
      return toResponse(explain(error, exchange));
    }
  };

  const fetch: Receiver["fetch"] = async (request, _env, context) => {
    if (role !== "worker" && request.method === "POST" && isAt(host.path, request.url)) {
      return toResponse(await receive(fetchRequest(request), context));
    }
    const exchange = begin(request.headers.get(requestIdHeader), context);
    const response = await answerRoute(request, exchange);
    end(exchange, response.status);
    response.headers.set(requestIdHeader, exchange.requestId);
    return request.method === "HEAD" ? new Response(null, response) : response;
  };

  return {
    fetch,
    path: host.path,
    receive,
    start,
    async stop() {
      await Promise.all([worker.stop(), reconciler.stop(), keeper?.idle(rejectionsWithinMs)]);
      await flush?.();
    },
    drain,
    expect,
    reconcile: (options = {}) => reconciler.reconcile(options),
    reverify,
  };
}

function addCounts(one: DrainResult, other: DrainResult): DrainResult {
  const names = Object.keys(one) as (keyof DrainResult)[];
  return Object.fromEntries(names.map((name) => [name, one[name] + other[name]])) as DrainResult;
}

/** What a sender is told of an error; of an unforeseen one only the log says more. */
function explain(error: unknown, exchange: Exchange): Answer {
  const isOurs = error instanceof WebhookError;
  const refused = isOurs ? error : new WebhookError("internal_error");
  exchange.code = refused.code;
  if (isOurs) exchange.log.warn("request refused", { code: error.code, status: error.status });
  else exchange.log.error("internal error", { error: describeError(error) });
  return refuse(refused);
}

function fetchRequest(request: Request): WebhookRequest {
  return {
    header: (name) => request.headers.get(name),
    body: (limits) => readBody(request, limits),
  };
}
