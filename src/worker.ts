import { describeError } from "./describe-error.ts";
import { createDrainer, type Drainer, type WorkerParts } from "./drainer.ts";
import type { WebhookEvent } from "./event.ts";
import { silentLogger } from "./logger.ts";
import { createLookahead } from "./lookahead.ts";
import { createLoop } from "./loop.ts";
import type { Pool } from "./pool.ts";
import type { Claim, LeaseRequest } from "./storage/storage.ts";
import { noTracer } from "./telemetry.ts";
import { defaultConcurrency, defaultLeaseMs, type WorkerOptions } from "./worker-options.ts";

/** Claims deliveries, runs their processors and records how it went. */
export interface Worker extends Drainer {
  /** Works until {@linkcode Worker.stop}, asking for what is due now and then. */
  start(): void;
  /**
   * Says that something is due now. Only for a worker that was started.
   *
   * @param stored How many deliveries, where they are new and that is known.
   */
  wake(stored?: number): void;
  /**
   * Keeps room for the deliveries of one event that is about to be stored, one for each processor.
   * Undefined where there is none, or where others are due that come first.
   */
  reserve(): Reservation | undefined;
}

/** What a receiver needs of a worker: where its process does not last it only drains. */
export type ReceiverWorker = Drainer & Partial<Worker>;

/** Room that a worker keeps. */
export interface Reservation {
  /** What the storage is to claim while it stores the event. */
  readonly lease: LeaseRequest;
  /**
   * Runs soon what was claimed, if anything, and gives the room back. To be called once, however the
   * storing ended.
   *
   * @param event The event, where nobody else has it.
   */
  run(claims: readonly Claim[], event?: WebhookEvent): void;
}

/** Makes a worker. It does nothing before it is started or asked to drain. */
export function createWorker(
  parts: WorkerParts,
  options: WorkerOptions = {},
): Worker {
  const { storage, processors, logger = silentLogger, tracer = noTracer } = parts;
  const { concurrency = defaultConcurrency, leaseMs = defaultLeaseMs, pollMs = 1_000 } = options;
  const { openPool, claim, isStopping, drain, stop } = createDrainer(parts, options);
  const names = Object.keys(processors);

  const lookahead = createLookahead();
  let loopPool: Pool | undefined;
  let endWakes: (() => void) | undefined;
  // Whether more may be due than was claimed, and how many were stored here since then. What is due
  // comes before what is new: that is only run at once where there is room for both.
  let isBehind = true;
  let stored = 0;
  const loop = createLoop(async (again) => {
    const onFree = () => isBehind && loopPool?.hungers() && again();
    loopPool ??= openPool((result) => {
      // What is to be tried again may be due at once.
      if (result !== "succeeded") again();
      else onFree();
    }, { lookahead, onFree });
    isBehind ||= loopPool.room() === 0;
    while (loopPool.room() > 0 && !isStopping()) {
      const room = loopPool.room();
      const limit = isBehind ? room : Math.min(room, stored + concurrency);
      stored = 0;
      const claimed = await claim(loopPool, limit).catch((error) => {
        isBehind = true;
        throw error;
      });
      isBehind = claimed === limit;
      // Some give less than there is.
      if (claimed === 0) break;
    }
  }, {
    pollMs,
    onFailure: (error) => logger.error("claiming failed", { error: describeError(error) }),
    onRecovery: () => logger.info("claiming works again"),
  });

  return {
    start() {
      if (names.length === 0 || isStopping()) return;
      loop.start();
      endWakes ??= storage.onDue?.(loop.wake);
    },

    wake(count) {
      if (count === undefined) isBehind = true;
      else stored += count;
      // Its claims, and the wait for the next ones, are no part of what woke it.
      tracer.detached(loop.wake);
    },

    reserve() {
      const pool = loopPool;
      if (pool === undefined || isBehind || isStopping()) return undefined;
      if (pool.room() - stored < names.length) return undefined;
      const claimedAt = performance.now();
      const giveBackRoom = pool.reserve(names.length);
      return {
        lease: { processors: names, leaseMs },
        run(claims, event) {
          if (claims.length === 0) return giveBackRoom();
          // After the answer, which a processor may keep the thread from.
          tracer.detached(() =>
            setTimeout(() => {
              pool.run(claims.map((claim) => ({ claim, claimedAt, event })));
              giveBackRoom();
            })
          );
        },
      };
    },

    drain,

    async stop(options) {
      endWakes?.();
      await stop(options, loop.stop);
    },
  };
}
