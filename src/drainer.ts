import {
  type AttemptResult,
  type AttemptRun,
  type AttemptSettings,
  runAttempt,
} from "./attempt.ts";
import { within } from "./deadline.ts";
import { describeError } from "./describe-error.ts";
import { type Logger, silentLogger } from "./logger.ts";
import type { Lookahead } from "./lookahead.ts";
import { createPool, type Held, type Pool } from "./pool.ts";
import type { Processor } from "./processor/processor.ts";
import { lastAttemptLost, type Storage } from "./storage/storage.ts";
import { noTracer, type Observer, observerOf, type Tracer } from "./telemetry.ts";
import {
  defaultConcurrency,
  defaultLeaseMs,
  longestTimer,
  type WorkerOptions,
  workerProblems,
} from "./worker-options.ts";

/** What a worker works with. */
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

/** Works through what is due when it is asked to, and holds nothing in between. */
export interface Drainer {
  /**
   * Works through what is due now and resolves when nothing is left, so many deliveries were run or
   * the time is up; what still runs then is aborted and given back.
   */
  drain(options?: DrainOptions): Promise<DrainResult>;
  /**
   * Claims nothing more, lets what runs end for `graceMs` (default 3,000), then aborts it and gives
   * it back: no attempt is burned. Resolves within `graceMs` and a second.
   */
  stop(options?: StopOptions): Promise<void>;
}

/** How a worker stops. */
export interface StopOptions {
  readonly graceMs?: number;
}

/** A drainer, with what a worker that lasts makes more of it. */
export interface DrainerParts extends Drainer {
  /** Opens a pool, which is stopped with the others; it is told how each attempt ended. */
  openPool(
    onEnd: (result: AttemptResult) => void,
    more?: { readonly lookahead?: Lookahead; readonly onFree?: () => void },
  ): Pool;
  /** Claims up to so many deliveries and runs them; how many it got. */
  claim(pool: Pool, limit: number): Promise<number>;
  /** Whether it was told to stop. */
  isStopping(): boolean;
  /** @param ending What else is to end in that time, first. */
  stop(options?: StopOptions, ending?: () => Promise<void>): Promise<void>;
}

/** Makes a drainer. It does nothing before it is asked to. */
export function createDrainer(parts: WorkerParts, options: WorkerOptions = {}): DrainerParts {
  const { storage, processors, logger = silentLogger } = parts;
  const { observer = observerOf([]), tracer = noTracer } = parts;
  const {
    concurrency = defaultConcurrency,
    maxAttempts = 8,
    backoff = {},
    timeoutMs = 60_000,
    leaseMs = defaultLeaseMs,
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

  const claim: DrainerParts["claim"] = async (pool, limit) => {
    const request = { processors: names, limit, leaseMs, maxAttempts };
    const claimedAt = performance.now();
    const giveBackRoom = pool.reserve(limit);
    try {
      // What is claimed later than this has lost its lease already.
      const late = () => new Error("The storage does not answer.");
      const { claims, exhausted } = await within(storage.claim(request), leaseMs, late);
      for (const { eventId: id, processor } of exhausted) {
        observer.attempted({ processor, result: "dead" });
        logger.error("delivery dead", { id, processor, error: lastAttemptLost });
      }
      pool.run(claims.map((claim) => ({ claim, claimedAt })));
      return claims.length;
    } finally {
      giveBackRoom();
    }
  };

  // A clock that jumps can end a lease whose attempt runs here: the next one waits for its end.
  const live = new Map<string, Promise<AttemptResult>>();
  const runAlone = async ({ claim, event }: Held, run: AttemptRun): Promise<AttemptResult> => {
    const key = `${claim.eventId} ${claim.processor}`;
    const processor = processors[claim.processor] as Processor;
    // What follows in its place is no part of its span.
    const onProcessed = () => run.onProcessed && tracer.detached(run.onProcessed);
    const own = { ...run, event, onProcessed };
    const start = () => runAttempt(claim, processor, settings, own);
    const previous = live.get(key);
    const attempt = previous === undefined ? start() : previous.then(start, start);
    live.set(key, attempt);
    try {
      return await attempt;
    } catch (error) {
      logger.error("an attempt broke off", { id: claim.eventId, error: describeError(error) });
      return "lost";
    } finally {
      if (live.get(key) === attempt) live.delete(key);
    }
  };

  const openPool: DrainerParts["openPool"] = (onEnd, more = {}) => {
    const patienceMs = leaseMs / 3;
    const pool = createPool({ concurrency, patienceMs, attempt: runAlone, onEnd, ...more });
    pools.add(pool);
    return pool;
  };

  return {
    openPool,
    claim,
    isStopping: () => stopping,

    async drain({ budgetMs = 25_000, limit = Infinity } = {}) {
      if (Number.isNaN(budgetMs)) throw new TypeError("drain() expects a number of milliseconds.");
      const counts = { succeeded: 0, retry: 0, dead: 0, released: 0, lost: 0 };
      const pool = openPool((result) => counts[result]++);
      const { interruption } = pool;
      const budget = setTimeout(() => interruption.abort(), Math.min(budgetMs, longestTimer));
      let left = limit;
      try {
        while (names.length > 0 && left > 0 && !interruption.signal.aborted && !stopping) {
          const claimed = await claim(pool, Math.min(pool.room(), left));
          left -= claimed;
          if (pool.isEmpty()) break;
          if (claimed === 0) await pool.next();
          while (pool.room() === 0) await pool.next();
        }
      } finally {
        // What was started is waited for, also where the storage failed meanwhile.
        await pool.idle();
        clearTimeout(budget);
        pools.delete(pool);
      }
      return counts;
    },

    async stop({ graceMs = 3_000 } = {}, ending = () => Promise.resolve()) {
      stopping = true;
      for (const pool of pools) pool.stop();
      const idle = async () => {
        await ending();
        for (const pool of pools) await pool.idle();
      };
      const late = () => new Error("late");
      await within(idle(), graceMs, late).catch(() => {
        for (const { interruption } of pools) interruption.abort();
      });
      await within(idle(), 1_000, late).catch(() => logger.warn("a delivery did not stop in time"));
    },
  };
}
