import { ReconcileError } from "./options.ts";
import type { Reconciler, ReconcilerParts } from "./reconciler.ts";

const howToAsk = "expected a client of ImgGo's API: set IMGGO_API_KEY, or give createReceiver() " +
  "the option imggo, made by createImgGoClient({ apiKey })";

/** What there is where ImgGo cannot be asked: a warning, where something is awaited. */
export function createUnasked(
  { storage, asks, logger }: Pick<ReconcilerParts, "storage" | "asks" | "logger">,
): Reconciler {
  let isStarted = false;
  let isToldOf = false;

  const tell = () => {
    if (isToldOf || !asks) return;
    isToldOf = true;
    logger.warn("results are awaited, but ImgGo is not asked for those that do not come", {
      error: howToAsk,
    });
  };

  const tellIfAwaited = async () => {
    const page = await storage.expectations.list({ limit: 1 });
    if (page.expectations.length > 0) tell();
  };

  return {
    awaits: tell,
    reconcile: () =>
      Promise.reject(new ReconcileError("no_client", `reconcile(): imggo: ${howToAsk}.`)),
    start() {
      if (isStarted || !asks) return;
      isStarted = true;
      // Where the storage fails, that shows elsewhere.
      tellIfAwaited().catch(() => {});
    },
    drain: () => Promise.resolve(0),
    stop: () => Promise.resolve(),
  };
}
