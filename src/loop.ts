import type { Logger } from "./logger.ts";

/** Something that is done again and again, never twice at once. */
export interface Loop {
  /** Does it now, and from now on about every `pollMs`. */
  start(): void;
  /** Does it now, or once more after the one under way. Nothing where it was not started. */
  wake(): void;
  /** Does it no more; resolves when the one under way has ended. */
  stop(): Promise<void>;
}

/**
 * Makes a loop of a task. Wakes that come while it runs share one further run. Where the task
 * fails, that is logged once, and once more when it succeeds again.
 *
 * @param task Gets {@linkcode Loop.wake}.
 */
export function createLoop(
  task: (wake: () => void) => Promise<void>,
  { pollMs, logger }: { readonly pollMs: number; readonly logger: Logger },
): Loop {
  let state: "new" | "started" | "stopped" = "new";
  let running: Promise<void> | undefined;
  let wanted = false;
  let healthy = true;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const run = async (): Promise<void> => {
    while (wanted && state === "started") {
      wanted = false;
      try {
        await task(wake);
        if (!healthy) logger.info("the storage answers the worker again");
        healthy = true;
      } catch (error) {
        const message = error instanceof Error ? error.message : "unknown";
        if (healthy) logger.error("the storage does not answer the worker", { error: message });
        healthy = false;
      }
    }
    running = undefined;
    if (state !== "started") return;
    // Not in step with other processes over the same storage.
    timer = setTimeout(wake, pollMs * (0.75 + Math.random() / 2));
    // On Node.js and Bun a receiver alone does not keep a process alive.
    (timer as { unref?: () => void }).unref?.();
  };

  const wake = (): void => {
    if (state !== "started") return;
    wanted = true;
    if (running !== undefined) return;
    clearTimeout(timer);
    running = run();
  };

  return {
    start() {
      if (state !== "new") return;
      state = "started";
      wake();
    },
    wake,
    async stop() {
      state = "stopped";
      clearTimeout(timer);
      await running;
    },
  };
}
