import { IttyRouter } from "itty-router";
import { createAccept } from "./accept.ts";
import { answer, refuse, statusOf } from "./answer.ts";
import { readBody } from "./body.ts";
import { within } from "./deadline.ts";
import { describeError } from "./describe-error.ts";
import { WebhookError } from "./errors.ts";
import { defaultDedupeKey, type ParsedEvent, parseEvent } from "./event.ts";
import { guarded, type Logger, silentLogger, withFields } from "./logger.ts";
import { newEvent } from "./new-event.ts";
import { healthPath, readyPath } from "./paths.ts";
import { type ReceiverOptions, receiverProblems } from "./receiver-options.ts";
import { importSecret, parseSignature, signatureHeader, verifySignature } from "./signature.ts";
import type { Acceptance, NewEvent } from "./storage/storage.ts";
import { createWorker, type DrainOptions, type DrainResult } from "./worker.ts";

/** What some runtimes hand to a handler beside the request. */
export interface HandlerContext {
  /** Keeps the runtime alive until a promise settles. */
  waitUntil?(promise: Promise<unknown>): void;
}

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
  /** Starts the worker now, not with the first request. */
  readonly start: () => void;
  /**
   * Stops the worker: claims nothing more, lets running processors end for 3 s, then aborts them
   * and gives their deliveries back without burning an attempt. Resolves within 4 s.
   */
  readonly stop: () => Promise<void>;
  /** Works through what is due within a budget (default 25 s): for cron handlers. */
  readonly drain: (options?: DrainOptions) => Promise<DrainResult>;
}

// ImgGo waits 5 s for an answer; the answer needs some of it to get there.
const answerWithinMs = 4_500;
// A body as slow as this leaves the storage the rest.
const bodyWithinMs = 4_000;
const readyWithinMs = 2_000;

type Handler = (request: Request, exchange: Exchange) => Promise<Response> | Response;

/** What belongs to one request. */
interface Exchange {
  readonly receivedAt: number;
  /** The steady clock at `receivedAt`. */
  readonly startedAt: number;
  readonly log: Logger;
  readonly context: HandlerContext | undefined;
}

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
  const {
    storage,
    processors = {},
    path = "/webhook",
    basePath = "",
    maxBodyBytes = 1_048_576,
    dedupeKey = defaultDedupeKey,
    role = "all",
    notify,
  } = options;
  const secrets = [options.secret ?? [], options.secrets ?? []].flat();
  const [problem] = receiverProblems(options);
  if (problem !== undefined) throw new TypeError(`createReceiver(): ${problem}.`);

  const logger = guarded(options.logger ?? silentLogger);
  const worker = createWorker({ storage, processors, logger }, options.worker);
  const accept = createAccept(storage);
  const names = Object.keys(processors);
  const works = role !== "receiver" && names.length > 0;
  let keys: readonly CryptoKey[] | undefined;

  const receive: Handler = async (request, { receivedAt, startedAt, log, context }) => {
    refuseEncoding(request);
    const signature = parseSignature(request.headers.get(signatureHeader));
    const bytes = await readBody(request, { maxBytes: maxBodyBytes, timeoutMs: bodyWithinMs });
    if (bytes.length === 0 && Number(request.headers.get("Content-Length")) > 0) {
      log.warn("the body is empty: did a body parser read it before?");
    }
    // Imported in a request: some runtimes allow no cryptography before the first one.
    keys ??= await Promise.all(secrets.map(importSecret));
    const verified = await verifySignature(bytes, signature, keys);
    const parsed = parseEvent(verified, receivedAt);
    const event = await newEvent(parsed, verified, {
      origin: "webhook",
      receivedAt,
      processors: names,
      dedupeKey,
      log,
    });
    const left = answerWithinMs - (performance.now() - startedAt);
    const stored = await accept(event, left, log);
    work(event, stored, context);
    logAcceptance(parsed, event, stored, log);
    return answer(parsed, stored);
  };

  /** Sees to what is now due, without keeping the answer waiting. */
  const work = (event: NewEvent, { id, state }: Acceptance, context?: HandlerContext) => {
    const inBackground = (failure: string, task: () => Promise<unknown>) => {
      // In an async function: it may throw instead of rejecting.
      const done = (async () => await task())().catch((error) => {
        logger.error(failure, { id, error: describeError(error) });
      });
      context?.waitUntil?.(done);
    };
    if (notify !== undefined) {
      const isDue = state === "accepted" && event.processors.length > 0;
      if (isDue) inBackground("notify failed, a later drain finds the event", () => notify(id));
    } else if (works && context?.waitUntil) {
      inBackground("work after the answer failed", () => worker.drain());
    } else if (works) {
      worker.start();
      worker.wake();
    }
  };

  const ready: Handler = async () => {
    const late = () => new Error("the storage was too slow");
    // In an async function, so that a storage which throws instead of rejecting is no special case.
    const ping = (async () => await storage.ping())();
    const health = await within(ping, readyWithinMs, late).catch((cause) => {
      throw new WebhookError("storage_unavailable", {}, { cause });
    });
    return Response.json({ status: "ready", ...(health?.spooling && { spooling: true }) });
  };

  const router = IttyRouter({ base: basePath });
  const route = (at: string, methods: readonly string[], handler: Handler) =>
    router.all(at, async (request: Request, exchange: Exchange) => {
      if (methods.includes(request.method)) return await handler(request, exchange);
      const response = refuse(new WebhookError("method_not_allowed"));
      response.headers.set("Allow", methods.join(", "));
      return response;
    });
  route(healthPath, ["GET", "HEAD"], () => Response.json({ status: "ok" }));
  route(readyPath, ["GET", "HEAD"], ready);
  if (role !== "worker") route(path, ["POST"], receive);

  const fetch: Receiver["fetch"] = async (request, _env, context) => {
    const requestId = requestIdOf(request);
    const exchange: Exchange = {
      receivedAt: Date.now(),
      startedAt: performance.now(),
      log: withFields(logger, { request_id: requestId }),
      context,
    };
    if (works && notify === undefined && !context?.waitUntil) worker.start();
    let response: Response;
    try {
      const answered: Response | undefined = await router.fetch(request, exchange);
      response = answered ?? refuse(new WebhookError("not_found"));
      // So that a webhook which was registered with another path shows in the log. Its path does
      // not: it is a stranger's text.
      if (answered === undefined && request.method === "POST") {
        exchange.log.warn("POST to another path than the webhook's", { webhook: basePath + path });
      }
    } catch (error) {
      response = refuse(explain(error, exchange));
    }
    response.headers.set("X-Request-Id", requestId);
    return request.method === "HEAD" ? new Response(null, response) : response;
  };

  return {
    fetch,
    start: () => {
      if (works) worker.start();
    },
    stop: () => worker.stop(),
    drain: (drainOptions) => worker.drain(drainOptions),
  };
}

function refuseEncoding(request: Request): void {
  const encoding = request.headers.get("Content-Encoding");
  if (encoding && encoding.trim().toLowerCase() !== "identity") {
    throw new WebhookError("unsupported_encoding");
  }
}

function logAcceptance(
  parsed: ParsedEvent,
  { event, jobId }: NewEvent,
  { id, state, duplicate, identical }: Acceptance,
  log: Logger,
): void {
  if (parsed.state === "quarantined") {
    log.warn("event quarantined", { id, code: parsed.code, duplicate });
    return;
  }
  const fields = { id, event, job_id: jobId, state };
  if (!identical) log.warn("duplicate with other bytes, the first is kept", fields);
  log.info(`event ${statusOf(parsed, duplicate)}`, fields);
}

/** What a sender is told of an error; of an unforeseen one only the log says more. */
function explain(error: unknown, { log }: Exchange): WebhookError {
  if (error instanceof WebhookError) {
    log.warn("request refused", { code: error.code, status: error.status });
    return error;
  }
  log.error("internal error", { error: describeError(error) });
  return new WebhookError("internal_error", {}, { cause: error });
}

// An id that a proxy gave is kept, so that both logs can be read side by side.
function requestIdOf(request: Request): string {
  const given = request.headers.get("X-Request-Id");
  return given !== null && /^[\w.:-]{1,128}$/.test(given) ? given : crypto.randomUUID();
}
