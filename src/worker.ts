import {
  type AttemptResult,
  type AttemptRun,
  type AttemptSettings,
  runAttempt,
} from "./attempt.ts";
import { within } from "./deadline.ts";
import { describeError } from "./describe-error.ts";
import { type Logger, silentLogger } from "./logger.ts";
import { createLoop } from "./loop.ts";
import type { Processor } from "./processor/processor.ts";
import { type Claim, lastAttemptLost, type Storage } from "./storage/storage.ts";
import { noTracer, type Observer, observerOf, type Tracer } from "./telemetry.ts";
import {
  defaultConcurrency,
  longestTimer,
  type WorkerOptions,
  workerProblems,
} from "./worker-options.ts";

/** What {@linkcode createWorker} works with. */
export interface WorkerParts {
  readonly storage: Storage;
  /** By name. */
  readonly processors: Readonly<Record<string, Processor>>;
  readonly logger?: Logger;
  readonly observer?: Required<Observer>;
  readonly tracer?: Tracer;
}

/** What a drain may take. */
export interface DrainOptions {
  /** How long, in milliseconds. Default 25,000. */
  readonly budgetMs?: number;
  /** The most deliveries it runs. Default all that are due. */
  readonly limit?: number;
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
   * Works through what is due now and resolves when nothing is left, so many deliveries were run or
   * the time is up; what still runs then is aborted and given back.
   */
  drain(options?: DrainOptions): Promise<DrainResult>;
  /**
   * Claims nothing more, lets what runs end for `graceMs` (default 3,000), then aborts it and gives
   * it back: no attempt is burned. Resolves within `graceMs` and a second.
   */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Attempts that run at once and are interrupted together: those of the loop, or of one drain. Made
 * where it is used: on Workers nothing of one request may be touched in another, not even a signal.
 */
interface Pool {
  readonly interruption: AbortController;
  readonly attempts: Set<Promise<void>>;
  /** Resolves when no claim for it is under way. */
  claiming: Promise<unknown>;
}

/** Makes a worker. It does nothing before it is started or asked to drain. */
export function createWorker(
  parts: WorkerParts,
  options: WorkerOptions = {},
): Worker {
  const { storage, processors, logger = silentLogger } = parts;
  const { observer = observerOf([]), tracer = noTracer } = parts;
  const {
    concurrency = defaultConcurrency,
    maxAttempts = 8,
    backoff = {},
    timeoutMs = 60_000,
    leaseMs = 15_000,
    pollMs = 1_000,
  } = options;
  const [problem] = workerProblems(options);
  if (problem !== undefined) throw new TypeError(`The worker cannot start: ${problem}.`);

  const settings: AttemptSettings = {
    storage,
    logger,
    leaseMs,
    timeoutMs,
    maxAttempts,
    backoff,
    observer,
    tracer,
  };
  const names = Object.keys(processors);
  const pools = new Set<Pool>();
  let stopping = false;

  const openPool = (): Pool => {
    const pool: Pool = {
      interruption: new AbortController(),
      attempts: new Set(),
      claiming: Promise.resolve(),
    };
    pools.add(pool);
    return pool;
  };

  /** Claims and starts as many deliveries as the pool has room for; how many it got. */
  const fill = async (
    pool: Pool,
    onEnd: (result: AttemptResult) => void,
    most = Infinity,
  ): Promise<number> => {
    const limit = Math.min(concurrency - pool.attempts.size, most);
    const request = { processors: names, limit, leaseMs, maxAttempts };
    const claimedAt = performance.now();
    // What is claimed later than this has lost its lease already.
    const late = () => new Error("The storage does not answer.");
    const claiming = within(storage.claim(request), leaseMs, late);
    pool.claiming = claiming.catch(() => {});
    const { claims, exhausted } = await claiming;
    for (const { eventId: id, processor } of exhausted) {
      observer.attempted({ processor, result: "dead" });
      logger.error("delivery dead", { id, processor, error: lastAttemptLost });
    }
    // What was claimed while the worker was told to stop is given back without being run.
    const stop = stopping ? AbortSignal.abort() : pool.interruption.signal;
    for (const claim of claims) {
      const attempt = runAlone(claim, { stop, claimedAt }).catch((error) => {
        logger.error("an attempt broke off", { id: claim.eventId, error: describeError(error) });
        return "lost" as const;
      }).then((result) => {
        pool.attempts.delete(attempt);
        onEnd(result);
      });
      pool.attempts.add(attempt);
    }
    return claims.length;
  };

  // A clock that jumps can end a lease whose attempt runs here: the next one waits for its end.
  const live = new Map<string, Promise<AttemptResult>>();
  const runAlone = async (claim: Claim, run: AttemptRun): Promise<AttemptResult> => {
    const key = `${claim.eventId} ${claim.processor}`;
    const start = () => runAttempt(claim, processors[claim.processor] as Processor, settings, run);
    const previous = live.get(key);
    const attempt = previous === undefined ? start() : previous.then(start, start);
    live.set(key, attempt);
    try {
      return await attempt;
    } finally {
      if (live.get(key) === attempt) live.delete(key);
    }
  };

  let loopPool: Pool | undefined;
  let endWakes: (() => void) | undefined;
  const loop = createLoop(async (again) => {
    loopPool ??= openPool();
    let more = true;
    // A full pool is filled again when one of its attempts ends.
    while (more && loopPool.attempts.size < concurrency && !stopping) {
      more = await fill(loopPool, again) > 0;
    }
  }, {
    pollMs,
    onFailure: (error) => logger.error("claiming failed", { error: describeError(error) }),
    onRecovery: () => logger.info("claiming works again"),
  });

  return {
    start() {
      if (names.length === 0 || stopping) return;
      loop.start();
      endWakes ??= storage.onDue?.(loop.wake);
    },

    // Its claims, and the wait for the next ones, are no part of what woke it.
    wake: () => tracer.detached(loop.wake),

    async drain({ budgetMs = 25_000, limit = Infinity } = {}) {
      if (Number.isNaN(budgetMs)) throw new TypeError("drain() expects a number of milliseconds.");
      const counts = { succeeded: 0, retry: 0, dead: 0, released: 0, lost: 0 };
      const pool = openPool();
      const { attempts, interruption } = pool;
      const budget = setTimeout(() => interruption.abort(), Math.min(budgetMs, longestTimer));
      let left = limit;
      try {
        while (names.length > 0 && left > 0 && !interruption.signal.aborted && !stopping) {
          const claimed = await fill(pool, (result) => counts[result]++, left);
          left -= claimed;
          if (attempts.size === 0) break;
          if (claimed === 0 || attempts.size === concurrency) await Promise.race(attempts);
        }
      } finally {
        // What was started is waited for, also where the storage failed meanwhile.
        await Promise.all(attempts);
        clearTimeout(budget);
        pools.delete(pool);
      }
      return counts;
    },

    async stop({ graceMs = 3_000 } = {}) {
      stopping = true;
      endWakes?.();
      const idle = async () => {
        await loop.stop();
        for (const pool of pools) {
          await pool.claiming;
          await Promise.all(pool.attempts);
        }
      };
      const late = () => new Error("late");
      await within(idle(), graceMs, late).catch(() => {
        for (const { interruption } of pools) interruption.abort();
      });
      await within(idle(), 1_000, late).catch(() => logger.warn("a delivery did not stop in time"));
    },
  };
}
