/** Something that is done again and again, never twice at once. */
export interface Loop {
  /** Does it now, and from now on about every `pollMs`. */
  start(): void;
  /** Does it now, or once more after the run under way. Does nothing unless started. */
  wake(): void;
  /** Ends it; resolves when the run under way, if any, has ended. */
  stop(): Promise<void>;
}

/** What {@linkcode createLoop} takes beside the task. */
export interface LoopOptions {
  readonly pollMs: number;
  /** Is told of the first failure after a success. */
  readonly onFailure: (error: unknown) => void;
  /** Is told of the first success after a failure. */
  readonly onRecovery: () => void;
}

/**
 * Makes a loop of a task. Wakes that come while it runs share one further run. A failure does not
 * end it.
 *
 * @param task Gets {@linkcode Loop.wake}.
 */
export function createLoop(
  task: (wake: () => void) => Promise<void>,
  { pollMs, onFailure, onRecovery }: LoopOptions,
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
        if (!healthy) onRecovery();
        healthy = true;
      } catch (error) {
        if (healthy) onFailure(error);
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
