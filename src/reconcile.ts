import { within } from "./deadline.ts";
import { describeError } from "./describe-error.ts";
import type { ImgGoClient } from "./imggo.ts";
import type { Ingest, Ingested } from "./ingest.ts";
import type { Logger } from "./logger.ts";
import { createLoop } from "./loop.ts";
import { createAsker } from "./reconcile/ask.ts";
import { reconcileByHand } from "./reconcile/by-hand.ts";
import { createDue } from "./reconcile/due.ts";
import {
  checkExpectation,
  checkReconcileOptions,
  type ExpectOptions,
  ReconcileError,
  type ReconcileOptions,
  type ReconcileResult,
} from "./reconcile/options.ts";
import { createReport } from "./reconcile/report.ts";
import type { Storage } from "./storage/storage.ts";
import { longestTimer } from "./worker-options.ts";

/** What {@linkcode createReconciler} works with. */
export interface ReconcilerParts {
  readonly storage: Storage;
  readonly imggo: ImgGoClient | undefined;
  /** Whether this process asks by itself. */
  readonly asks: boolean;
  readonly ingest: Ingest;
  /** Sees to what is due by what was stored. */
  readonly announce: (ingested: Ingested) => Promise<void>;
  readonly logger: Logger;
}

/** Awaits the ends of jobs, and asks ImgGo for those that do not come. */
export interface Reconciler {
  expect(jobId: string, options?: ExpectOptions): Promise<"waiting" | "fulfilled">;
  reconcile(options?: ReconcileOptions): Promise<ReconcileResult>;
  /** Asks for what is overdue now and then, until {@linkcode Reconciler.stop}. */
  start(): void;
  /**
   * Asks for what is overdue now: for so many jobs, for so many milliseconds. Never rejects.
   *
   * @returns How many events were stored.
   */
  drain(request: { readonly budgetMs: number; readonly asks: number }): Promise<number>;
  /** Breaks off what is under way, and gives it back. Resolves within 4 s. */
  stop(): Promise<void>;
}

// Deadlines are minutes.
const pollMs = 15_000;
// In less time ImgGo may not answer, and the request is spent all the same.
const leastBudgetMs = 1_000;
const stopWithinMs = 3_500;
const pageSize = 100;

const howToAsk = "expected a client of ImgGo's API: set IMGGO_API_KEY, or give createReceiver() " +
  "the option imggo, made by createImgGoClient({ apiKey })";

export function createReconciler(
  { storage, imggo, asks, ingest, announce, logger }: ReconcilerParts,
): Reconciler {
  const due = createDue(storage, logger);
  const newAsker = (client: ImgGoClient, dryRun = false) =>
    createAsker({ imggo: client, ingest, announce, logger, dryRun });
  /** Of the loop and of all calls by hand, so that they never ask twice at once. */
  const asker = imggo && newAsker(imggo);
  const runs = new Map<AbortController, Promise<unknown>>();
  let stopping = false;
  let started = false;
  let isToldOf = false;

  /** Does something that ends early when all is stopped, or when the signal that is given aborts. */
  const run = async <T>(
    task: (signal: AbortSignal) => Promise<T>,
    outer?: AbortSignal,
    withinMs = longestTimer,
  ): Promise<T> => {
    const controller = new AbortController();
    const end = () => controller.abort(outer?.reason);
    outer?.addEventListener("abort", end);
    if (outer?.aborted) end();
    if (stopping) controller.abort(stopped());
    const timer = setTimeout(() => controller.abort(), Math.min(withinMs, longestTimer));
    const running = task(controller.signal);
    runs.set(controller, running.catch(() => {}));
    try {
      return await running;
    } finally {
      clearTimeout(timer);
      outer?.removeEventListener("abort", end);
      runs.delete(controller);
    }
  };

  const loop = asker && createLoop(async () => {
    if (!due.isPaused()) await run((signal) => due.ask(asker, signal, Infinity, () => {}));
  }, {
    pollMs,
    onFailure: (error) => logger.error("asking failed", { error: describeError(error) }),
    onRecovery: () => logger.info("asking works again"),
  });

  const tellThatNobodyAsks = () => {
    if (isToldOf || !asks || imggo !== undefined) return;
    isToldOf = true;
    logger.warn("results are awaited, but ImgGo is not asked for those that do not come", {
      error: howToAsk,
    });
  };

  const tellIfAwaited = async () => {
    const page = await storage.expectations.list({ limit: 1 });
    if (page.expectations.length > 0) tellThatNobodyAsks();
  };

  /** The jobs for which it is time to ask, by this process's clock. */
  const dueJobs = async (): Promise<string[]> => {
    const jobIds: string[] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = await storage.expectations.list({ limit: pageSize, ...(cursor && { cursor }) });
      const due = page.expectations.filter(({ askAt }) => askAt !== null && askAt <= Date.now());
      jobIds.push(...due.map(({ jobId }) => jobId));
      cursor = page.nextCursor;
    }
    return jobIds;
  };

  return {
    async expect(jobId, options = {}) {
      checkExpectation(jobId, options);
      const { patternId = null, deadlineMs: withinMs = 600_000 } = options;
      const state = await storage.expectations.add({ jobId, patternId, withinMs });
      if (state === "waiting") tellThatNobodyAsks();
      return state;
    },

    async reconcile(options = {}) {
      checkReconcileOptions(options);
      if (imggo === undefined || asker === undefined) {
        throw new ReconcileError("no_client", `reconcile(): imggo: ${howToAsk}.`);
      }
      const { jobIds, since, dryRun, onProgress } = options;
      const report = createReport(onProgress);
      const isForDue = jobIds === undefined && since === undefined;
      await run(async (signal) => {
        signal.throwIfAborted();
        if (isForDue && !dryRun) {
          await due.ask(asker, signal, Infinity, report.asked);
          signal.throwIfAborted();
        } else {
          const named = isForDue ? { ...options, jobIds: await dueJobs() } : options;
          const own = dryRun ? newAsker(imggo, dryRun) : asker;
          await reconcileByHand(named, signal, { storage, imggo, asker: own, report });
        }
      }, options.signal);
      return report.result();
    },

    start() {
      if (started || stopping || !asks) return;
      started = true;
      if (loop !== undefined) loop.start();
      // Where the storage fails, that shows elsewhere.
      else tellIfAwaited().catch(() => {});
    },

    async drain({ budgetMs, asks: most }) {
      if (!asks || imggo === undefined || budgetMs < leastBudgetMs || due.isPaused()) return 0;
      let stored = 0;
      const count = (_: string, { outcome }: { readonly outcome: string }) => {
        if (outcome === "stored") stored++;
      };
      // Its own: what another request began may never end.
      const task = (signal: AbortSignal) => due.ask(newAsker(imggo), signal, most, count);
      await run(task, undefined, budgetMs).catch((error) => {
        logger.error("asking failed", { error: describeError(error) });
      });
      return stored;
    },

    async stop() {
      stopping = true;
      for (const controller of runs.keys()) controller.abort(stopped());
      const ended = Promise.all([loop?.stop(), ...runs.values()]);
      await within(ended, stopWithinMs, () => new Error("late")).catch(() => {
        logger.warn("asking ImgGo did not stop in time");
      });
    },
  };
}

function stopped(): Error {
  return new Error("The receiver was stopped.");
}
