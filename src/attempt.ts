import { type BackoffOptions, retryDelay } from "./backoff.ts";
import { pause, within } from "./deadline.ts";
import { describeError, originOf } from "./describe-error.ts";
import { parseEvent, type WebhookEvent } from "./event.ts";
import { keepLease } from "./lease.ts";
import { type Logger, withFields } from "./logger.ts";
import {
  maxRetryDelayMs,
  PermanentError,
  type Processor,
  type ProcessorContext,
} from "./processor/processor.ts";
import type { Claim, Outcome, Storage } from "./storage/storage.ts";
import type { Observer, Span, Tracer } from "./telemetry.ts";

/** What every attempt of a worker is run with. */
export interface AttemptSettings {
  readonly storage: Storage;
  readonly logger: Logger;
  readonly leaseMs: number;
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  readonly backoff: BackoffOptions;
  readonly observer: Required<Observer>;
  readonly tracer: Tracer;
}

/** What belongs to one attempt beside its claim. */
export interface AttemptRun {
  /** Aborts when the worker stops: the attempt is given back and does not count. */
  readonly stop: AbortSignal;
  /** The steady clock before the claim: the lease runs from then at the earliest. */
  readonly claimedAt: number;
  /** The event, where it was parsed and nobody else has it. */
  readonly event?: WebhookEvent | undefined;
  /** Is told once that the processor has ended, or was not run: what is left is to record it. */
  readonly onProcessed?: () => void;
}

/** How an attempt ended; `lost`: it ended, but another one had the delivery by then. */
export type AttemptResult = Outcome["kind"] | "lost";

// Why an attempt's signal aborts: `reason.name`, as a processor may see it.
type Interruption = "TimeoutError" | "LeaseLostError" | "StoppedError";

// What a processor gets to end by itself once its signal has aborted. Then its slot is freed.
const graceMs = 500;

/**
 * Runs one claimed delivery: hands the event to the processor, keeps the lease meanwhile, aborts
 * it when its time is up, its lease is lost or the worker stops, and records how it ended.
 */
export async function runAttempt(
  claim: Claim,
  processor: Processor,
  settings: AttemptSettings,
  run: AttemptRun,
): Promise<AttemptResult> {
  const { stop } = run;
  let heldSince: number | undefined = run.claimedAt;
  // Those claimed with it come first, and may have blocked the thread.
  while (!stop.aborted && performance.now() - heldSince >= settings.leaseMs / 3) {
    heldSince = await renewed(claim, settings);
    if (heldSince === undefined) return "lost";
  }
  if (stop.aborted) return await giveBack(claim, settings);
  const { eventId, processor: name, attempt, traceParent } = claim;
  const span = {
    name: "imggo_webhooks delivery",
    kind: "consumer",
    attributes: { "imggo.event.id": eventId, "imggo.processor": name, "imggo.attempt": attempt },
    link: traceParent,
  } as const;
  const held = heldSince;
  return await settings.tracer.trace(
    span,
    (span) => runHeld(claim, processor, settings, { ...run, heldSince: held, span }),
  );
}

async function runHeld(
  claim: Claim,
  processor: Processor,
  settings: AttemptSettings,
  { stop, event, onProcessed, heldSince, span }: AttemptRun & {
    readonly heldSince: number;
    readonly span: Span;
  },
): Promise<AttemptResult> {
  const { eventId: id, attempt, fence, receivedAt } = claim;
  const log = withFields(settings.logger, { id, processor: claim.processor, attempt });
  const startedAt = performance.now();
  const interruption = new AbortController();
  const interrupt = (name: Interruption, message: string) =>
    interruption.abort(Object.assign(new Error(message), { name }));

  const onStop = () => interrupt("StoppedError", "The worker stops.");
  stop.addEventListener("abort", onStop);
  const timer = setTimeout(
    () => interrupt("TimeoutError", `The processor took longer than ${settings.timeoutMs} ms.`),
    settings.timeoutMs,
  );
  const lease = keepLease(claim, settings.leaseMs, {
    ...settings,
    heldSince,
    lost: () => interrupt("LeaseLostError", "The lease is lost."),
  });

  const context = {
    id,
    attempt,
    fence,
    signal: interruption.signal,
    receivedAt: new Date(receivedAt),
    log,
  };
  try {
    const running = runProcessor(claim, event, processor, context, settings.storage);
    const ended = await Promise.race([running, overdue(interruption.signal)]);
    clearTimeout(timer);
    onProcessed?.();
    const outcome = decide(ended, interruption.signal, claim, settings);
    const held = ended.succeeded && ended.recorded !== undefined
      ? ended.recorded
      : await settle(claim, outcome, settings, lease.heldUntil);
    const result = held ? outcome.kind : "lost";
    const durationMs = performance.now() - startedAt;
    settings.observer.attempted({ processor: claim.processor, result, durationMs });
    span.set({ "imggo.outcome": result });
    if (result !== "succeeded" && result !== "released") span.fail(result);
    report(log, result, outcome, {
      ms: Math.round(durationMs),
      at: ended.succeeded || interruption.signal.aborted ? undefined : originOf(ended.error),
    });
    return result;
  } finally {
    clearTimeout(timer);
    lease.release();
    stop.removeEventListener("abort", onStop);
  }
}

/** Renews a claim's lease; since when it is held, or undefined where it is lost. */
async function renewed(
  claim: Claim,
  { storage, leaseMs }: AttemptSettings,
): Promise<number | undefined> {
  const askedAt = performance.now();
  try {
    return await within(storage.renew(claim, leaseMs), leaseMs / 3, noAnswer) ? askedAt : undefined;
  } catch {
    return undefined;
  }
}

async function giveBack(claim: Claim, settings: AttemptSettings): Promise<AttemptResult> {
  const outcome: Outcome = { kind: "released" };
  const held = await settle(claim, outcome, settings, () => 0);
  return held ? outcome.kind : "lost";
}

type Ended =
  /** `recorded`: whether the success was, where the processor's own transaction had to do it. */
  | { readonly succeeded: true; readonly recorded?: boolean }
  | { readonly succeeded: false; readonly error: unknown };

async function runProcessor(
  claim: Claim,
  known: WebhookEvent | undefined,
  processor: Processor,
  context: ProcessorContext,
  storage: Storage,
): Promise<Ended> {
  const event = known ?? eventOf(claim);
  if (event === undefined) {
    const error = new PermanentError("The stored bytes are no longer understood as an event.");
    return { succeeded: false, error };
  }
  try {
    if (processor.transactional && storage.complete) {
      const work = async (sql: unknown) =>
        await processor(event, { ...context, sql } as ProcessorContext);
      return { succeeded: true, recorded: await storage.complete(claim, work) };
    }
    await processor(event, context);
    return { succeeded: true };
  } catch (error) {
    return { succeeded: false, error };
  }
}

function eventOf({ body, receivedAt }: Claim): WebhookEvent | undefined {
  const parsed = parseEvent(body, receivedAt);
  return parsed.state === "accepted" ? parsed.event : undefined;
}

/** Resolves when a processor was told to end and did not. */
async function overdue(signal: AbortSignal): Promise<Ended> {
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }
  await pause(graceMs);
  return { succeeded: false, error: signal.reason };
}

function decide(
  ended: Ended,
  signal: AbortSignal,
  claim: Claim,
  settings: AttemptSettings,
): Outcome {
  if (ended.succeeded) return { kind: "succeeded" };
  const thrown = readThrown(ended.error);
  const interruption: Interruption | undefined = signal.reason?.name;
  const permanent = thrown.name === "PermanentError";
  if (interruption === "StoppedError" && !permanent) return { kind: "released" };

  // A processor that was cut off usually throws what its own `fetch` made of that; say why instead.
  const cause = permanent || interruption === undefined ? ended.error : signal.reason;
  const error = describeError(cause);
  if (permanent || claim.attempt >= settings.maxAttempts) return { kind: "dead", error };
  const afterMs = thrown.afterMs ?? retryDelay(claim.attempt, settings.backoff);
  return { kind: "retry", afterMs, error };
}

/** What a thrown value says of the delivery. Anything can be thrown, also what throws when read. */
function readThrown(error: unknown): { name?: unknown; afterMs?: number } {
  try {
    const { name, afterMs } = Object(error) as { name?: unknown; afterMs?: unknown };
    if (name !== "RetryLater" || typeof afterMs !== "number" || !(afterMs >= 0)) return { name };
    return { name, afterMs: Math.min(afterMs, maxRetryDelayMs) };
  } catch {
    return {};
  }
}

/**
 * Records an outcome, again and again as long as the lease holds: a success that is not recorded
 * is a success repeated.
 */
async function settle(
  claim: Claim,
  outcome: Outcome,
  { storage, logger, leaseMs }: AttemptSettings,
  heldUntil: () => number,
): Promise<boolean> {
  // Also where the lease can be renewed and, for whatever reason, the outcome not be recorded.
  const giveUpAt = performance.now() + 10 * leaseMs;
  for (let wait = 50;; wait = Math.min(wait * 2, 1_000)) {
    try {
      return await within(storage.settle(claim, outcome), leaseMs, noAnswer);
    } catch (error) {
      logger.warn("outcome not recorded yet", {
        id: claim.eventId,
        processor: claim.processor,
        error: describeError(error),
      });
      if (performance.now() + wait > Math.min(heldUntil(), giveUpAt)) return false;
    }
    await pause(wait);
  }
}

const noAnswer = () => new Error("The storage does not answer.");

function report(
  log: Logger,
  result: AttemptResult,
  outcome: Outcome,
  { ms, at }: { readonly ms: number; readonly at: string | undefined },
): void {
  const error = "error" in outcome ? outcome.error : undefined;
  if (result === "succeeded") log.info("delivery succeeded", { ms });
  else if (result === "released") log.info("delivery given back", { ms });
  else if (result === "lost") log.warn("lease lost, or the outcome was recorded before", { ms });
  else if (result === "dead") log.error("delivery dead", { error, at, ms });
  else {
    const retryInMs = outcome.kind === "retry" ? outcome.afterMs : undefined;
    log.warn("delivery failed, will be tried again", { error, at, ms, retry_in_ms: retryInMs });
  }
}
