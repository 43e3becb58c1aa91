import { type AttemptResult, type AttemptSettings, runAttempt } from "./attempt.ts";
import type { BackoffOptions } from "./backoff.ts";
import { within } from "./deadline.ts";
import { type Logger, silentLogger } from "./logger.ts";
import type { Processor } from "./processor/processor.ts";
import { type Claim, lastAttemptLost, type Storage } from "./storage/storage.ts";

/** How deliveries are worked through. */
export interface WorkerOptions {
  /** How many attempts run at once. Default 10. */
  readonly concurrency?: number;
  /** How often a delivery is run before it is dead. Default 8. */
  readonly maxAttempts?: number;
  /** How long the waits between attempts are. Default from 2 s, doubling, up to an hour. */
  readonly backoff?: BackoffOptions;
  /** How long an attempt may take before it is aborted, in milliseconds. Default 60,000. */
  readonly timeoutMs?: number;
  /**
   * How long a delivery stays with a process that does not say it is alive, in milliseconds.
   * Default 30,000. It is renewed while an attempt runs; after a kill this is the wait.
   */
  readonly leaseMs?: number;
  /**
   * How often the storage is asked for what is due, in milliseconds. Default 1,000. An event that
   * this process accepted starts at once.
   */
  readonly pollMs?: number;
}

/** What {@linkcode createWorker} works with. */
export interface WorkerContext {
  readonly storage: Storage;
  /** By name. */
  readonly processors: Readonly<Record<string, Processor>>;
  readonly logger?: Logger;
}

/** How many attempts ended how. */
export type DrainResult = Readonly<Record<AttemptResult, number>>;

/** Claims deliveries, runs their processors and records how it went. */
export interface Worker {
  /** Works until {@linkcode Worker.stop}, asking for what is due now and then. */
  start(): void;
  /** Says that something is due now. Only for a worker that was started. */
  wake(): void;
  /**
   * Works through what is due now and resolves when nothing is left or the time is up; what still
   * runs then is aborted and given back.
   */
  drain(options?: { readonly budgetMs?: number }): Promise<DrainResult>;
  /**
   * Claims nothing more, lets what runs end for `graceMs` (default 3,000), then aborts it and gives
   * it back: no attempt is burned. Resolves within `graceMs` and a second.
   */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

/** Makes a worker. It does nothing before it is started or asked to drain. */
export function createWorker(
  { storage, processors, logger = silentLogger }: WorkerContext,
  {
    concurrency = 10,
    maxAttempts = 8,
    backoff = {},
    timeoutMs = 60_000,
    leaseMs = 30_000,
    pollMs = 1_000,
  }: WorkerOptions = {},
): Worker {
  const settings: AttemptSettings = { storage, logger, leaseMs, timeoutMs, maxAttempts, backoff };
  const names = Object.keys(processors);
  const stopped = new AbortController();
  const aborted = new AbortController();
  const running = new Set<Promise<unknown>>();
  let started = false;
  let claiming: Promise<void> | undefined;
  let wanted = false;
  let healthy = true;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const claim = async (limit: number): Promise<readonly Claim[]> => {
    const request = { processors: names, limit, leaseMs, maxAttempts };
    const { claims, exhausted } = await storage.claim(request);
    for (const { eventId: id, processor } of exhausted) {
      logger.error("delivery dead", { id, processor, error: lastAttemptLost });
    }
    return claims;
  };

  const launch = (delivery: Claim, stop: AbortSignal): Promise<AttemptResult> => {
    const processor = processors[delivery.processor] as Processor;
    // What was claimed while the worker was told to stop is given back without being run.
    const attempt = runAttempt(
      delivery,
      processor,
      settings,
      stopped.signal.aborted ? stopped.signal : stop,
    ).finally(() => running.delete(attempt));
    running.add(attempt);
    return attempt;
  };

  const claimAll = async (): Promise<void> => {
    try {
      // One claim at a time: wakes that come meanwhile share the next one.
      while (wanted && running.size < concurrency && !stopped.signal.aborted) {
        wanted = false;
        const claims = await claim(concurrency - running.size);
        if (!healthy) logger.info("storage answers the worker again");
        healthy = true;
        for (const delivery of claims) void launch(delivery, aborted.signal).then(poll);
        if (claims.length > 0) wanted = true;
      }
    } catch (error) {
      if (healthy) logger.error("storage does not answer the worker", { error: describe(error) });
      healthy = false;
    }
  };

  const poll = (): void => {
    wanted = true;
    if (claiming !== undefined || stopped.signal.aborted) return;
    clearTimeout(timer);
    claiming = claimAll().then(() => {
      claiming = undefined;
      if (stopped.signal.aborted) return;
      timer = setTimeout(poll, pollMs * (0.75 + Math.random() / 2));
      // On Node.js and Bun a receiver alone does not keep a process alive.
      (timer as { unref?: () => void }).unref?.();
    });
  };

  return {
    start() {
      if (started || names.length === 0 || stopped.signal.aborted) return;
      started = true;
      poll();
    },

    wake() {
      if (started) poll();
    },

    async drain({ budgetMs = 25_000 } = {}) {
      const counts = { succeeded: 0, retry: 0, dead: 0, released: 0, lost: 0 };
      const over = new AbortController();
      const budget = setTimeout(() => over.abort(), budgetMs);
      const stop = AbortSignal.any([over.signal, aborted.signal]);
      const mine = new Set<Promise<unknown>>();
      try {
        while (names.length > 0 && !stop.aborted && !stopped.signal.aborted) {
          const claims = await claim(concurrency - mine.size);
          for (const delivery of claims) {
            const attempt = launch(delivery, stop).then((result) => {
              counts[result]++;
              mine.delete(attempt);
            });
            mine.add(attempt);
          }
          if (mine.size === 0) break;
          if (claims.length === 0 || mine.size >= concurrency) await Promise.race(mine);
        }
        await Promise.all(mine);
      } finally {
        clearTimeout(budget);
      }
      return counts;
    },

    async stop({ graceMs = 3_000 } = {}) {
      stopped.abort();
      clearTimeout(timer);
      const idle = async () => {
        await claiming;
        await Promise.all(running);
      };
      const late = () => new Error("late");
      await within(idle(), graceMs, late).catch(() => aborted.abort());
      await within(idle(), 1_000, late).catch(() => logger.warn("a delivery did not stop in time"));
    },
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : "unknown";
}
