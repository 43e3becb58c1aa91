import { type AttemptResult, type AttemptSettings, runAttempt } from "./attempt.ts";
import type { BackoffOptions } from "./backoff.ts";
import { within } from "./deadline.ts";
import { describeError } from "./describe-error.ts";
import { type Logger, silentLogger } from "./logger.ts";
import { createLoop } from "./loop.ts";
import type { Processor } from "./processor/processor.ts";
import { type Claim, lastAttemptLost, type Storage } from "./storage/storage.ts";

/** How deliveries are worked through. */
export interface WorkerOptions {
  /** How many attempts run at once, in the loop and in each drain. Default 10. */
  readonly concurrency?: number;
  /** How often a delivery is run before it is dead. Default 8. */
  readonly maxAttempts?: number;
  /**
   * How long the waits between attempts are. Default up to 2 s after the first, four times as much
   * after each further one, up to an hour: eight attempts last 53 minutes on average, and at the
   * most 1 h 46 min.
   */
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
export interface WorkerParts {
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

/**
 * Attempts that run at once and are interrupted together: those of the loop, or of one drain. Made
 * where it is used: on Workers nothing of one request may be touched in another, not even a signal.
 */
interface Pool {
  readonly interruption: AbortController;
  readonly attempts: Set<Promise<void>>;
}

/** Makes a worker. It does nothing before it is started or asked to drain. */
export function createWorker(
  { storage, processors, logger = silentLogger }: WorkerParts,
  options: WorkerOptions = {},
): Worker {
  const {
    concurrency = 10,
    maxAttempts = 8,
    backoff = {},
    timeoutMs = 60_000,
    leaseMs = 30_000,
    pollMs = 1_000,
  } = options;
  const [problem] = workerProblems(options);
  if (problem !== undefined) throw new TypeError(`The worker cannot start: ${problem}.`);

  const settings: AttemptSettings = { storage, logger, leaseMs, timeoutMs, maxAttempts, backoff };
  const names = Object.keys(processors);
  const pools = new Set<Pool>();
  let stopping = false;

  const openPool = (): Pool => {
    const pool = { interruption: new AbortController(), attempts: new Set<Promise<void>>() };
    pools.add(pool);
    return pool;
  };

  /** Claims and starts as many deliveries as the pool has room for; how many it got. */
  const fill = async (pool: Pool, onEnd: (result: AttemptResult) => void): Promise<number> => {
    const limit = concurrency - pool.attempts.size;
    const request = { processors: names, limit, leaseMs, maxAttempts };
    const claimedAt = performance.now();
    // What is claimed later than this has lost its lease already.
    const late = () => new Error("The storage does not answer.");
    const { claims, exhausted } = await within(storage.claim(request), leaseMs, late);
    for (const { eventId: id, processor } of exhausted) {
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
  const runAlone = async (
    claim: Claim,
    run: Parameters<typeof runAttempt>[3],
  ): Promise<AttemptResult> => {
    const key = `${claim.eventId} ${claim.processor}`;
    await live.get(key)?.catch(() => {});
    const processor = processors[claim.processor] as Processor;
    const attempt = runAttempt(claim, processor, settings, run);
    live.set(key, attempt);
    try {
      return await attempt;
    } finally {
      if (live.get(key) === attempt) live.delete(key);
    }
  };

  let loopPool: Pool | undefined;
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
      if (names.length > 0 && !stopping) loop.start();
    },

    wake: loop.wake,

    async drain({ budgetMs = 25_000 } = {}) {
      const counts = { succeeded: 0, retry: 0, dead: 0, released: 0, lost: 0 };
      const pool = openPool();
      const { attempts, interruption } = pool;
      if (Number.isNaN(budgetMs)) throw new TypeError("drain() expects a number of milliseconds.");
      const budget = setTimeout(() => interruption.abort(), Math.min(budgetMs, longestTimer));
      try {
        while (names.length > 0 && !interruption.signal.aborted && !stopping) {
          const claimed = await fill(pool, (result) => counts[result]++);
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
      const idle = async () => {
        await loop.stop();
        for (const { attempts } of pools) await Promise.all(attempts);
      };
      const late = () => new Error("late");
      await within(idle(), graceMs, late).catch(() => {
        for (const { interruption } of pools) interruption.abort();
      });
      await within(idle(), 1_000, late).catch(() => logger.warn("a delivery did not stop in time"));
    },
  };
}

// A longer timer fires at once, on every runtime: 24 days.
const longestTimer = 2 ** 31 - 1;

const isWhole = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 1;
const isTimer = (value: unknown) => Number(value) >= 1 && Number(value) <= longestTimer;
const isDelay = (value: unknown) => Number(value) >= 0 && Number(value) <= longestTimer;

const whole = [isWhole, "a whole number of at least 1"] as const;
const timer = [isTimer, `1 to ${longestTimer} milliseconds`] as const;
const delay = [isDelay, `0 to ${longestTimer} milliseconds`] as const;

const optionForms: Readonly<
  Record<string, readonly [fits: (value: unknown) => boolean, expected: string]>
> = {
  concurrency: whole,
  maxAttempts: whole,
  timeoutMs: timer,
  leaseMs: timer,
  pollMs: timer,
  "backoff.firstMs": delay,
  "backoff.maxMs": delay,
};

/** What is wrong with a worker's options: a sentence each, which begins with the option's name. */
export function workerProblems(worker: WorkerOptions): string[] {
  for (const [name, value] of [["worker", worker], ["worker.backoff", worker?.backoff ?? {}]]) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return [`${name}: expected an object`];
    }
  }
  const { backoff, ...options } = worker;
  const given = Object.entries({
    ...options,
    ...Object.fromEntries(
      Object.entries(backoff ?? {}).map(([name, value]) => [`backoff.${name}`, value]),
    ),
  });
  return given.flatMap(([name, value]) => {
    const [fits, expected] = optionForms[name] ??
      [() => false, `no such option, but one of ${Object.keys(optionForms).join(", ")}`];
    if (value === undefined || (typeof value === "number" && fits(value))) return [];
    return [`worker.${name}: expected ${expected}, got ${value}`];
  });
}
