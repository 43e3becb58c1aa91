import { within } from "./deadline.ts";
import { describeError } from "./describe-error.ts";
import { createLoop } from "./loop.ts";
import { createAsker } from "./reconcile/ask.ts";
import { reconcileByHand } from "./reconcile/by-hand.ts";
import { createDue } from "./reconcile/due.ts";
import { checkReconcileOptions } from "./reconcile/options.ts";
import type { Reconciler, ReconcilerParts } from "./reconcile/reconciler.ts";
import { createReport } from "./reconcile/report.ts";
import { longestTimer } from "./worker-options.ts";

// Deadlines are minutes.
const pollMs = 15_000;
// In less time ImgGo may not answer, and the request is spent all the same.
const leastBudgetMs = 1_000;
const stopWithinMs = 3_500;
const pageSize = 100;

/** Makes what asks ImgGo, by a client of its API. */
export function createReconciler(
  { storage, jobs, asks, ingest, announce, logger }: ReconcilerParts,
): Reconciler {
  const due = createDue(storage, logger);
  const newAsker = (dryRun = false) => createAsker({ jobs, ingest, announce, logger, dryRun });
  /** Of the loop and of all calls by hand, so that they never ask twice at once. */
  const asker = newAsker();
  const runs = new Map<AbortController, Promise<unknown>>();
  let stopping = false;
  let started = false;

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

  const loop = createLoop(async () => {
    if (!due.isPaused()) await run((signal) => due.ask(asker, signal, Infinity, () => {}));
  }, {
    pollMs,
    onFailure: (error) => logger.error("asking failed", { error: describeError(error) }),
    onRecovery: () => logger.info("asking works again"),
  });

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
    async reconcile(options) {
      checkReconcileOptions(options);
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
          const own = dryRun ? newAsker(dryRun) : asker;
          await reconcileByHand(named, signal, { storage, jobs, asker: own, report });
        }
      }, options.signal);
      return report.result();
    },

    start() {
      if (started || stopping || !asks) return;
      started = true;
      loop.start();
    },

    async drain({ budgetMs, asks: most }) {
      if (!asks || budgetMs < leastBudgetMs || due.isPaused()) return 0;
      let stored = 0;
      const count = (_: string, { outcome }: { readonly outcome: string }) => {
        if (outcome === "stored") stored++;
      };
      // Its own: what another request began may never end.
      const task = (signal: AbortSignal) => due.ask(newAsker(), signal, most, count);
      await run(task, undefined, budgetMs).catch((error) => {
        logger.error("asking failed", { error: describeError(error) });
      });
      return stored;
    },

    async stop() {
      stopping = true;
      for (const controller of runs.keys()) controller.abort(stopped());
      const ended = Promise.all([loop.stop(), ...runs.values()]);
      await within(ended, stopWithinMs, () => new Error("late")).catch(() => {
        logger.warn("asking ImgGo did not stop in time");
      });
    },
  };
}

function stopped(): Error {
  return new Error("The receiver was stopped.");
}
