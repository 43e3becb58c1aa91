import process from "node:process";

/**
 * Runs what can be stopped half-way: at Ctrl-C its signal aborts, and it ends by itself. A second
 * one, a second later or more, ends the process at once.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const stop = () => {
    firstAt ??= performance.now();
    // npm hands a terminal's Ctrl-C on to a child that has had it already.
    if (performance.now() - firstAt > 1_000) process.exit(1);
    controller.abort();
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, stop);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}

/** Waits for what a signal breaks off. False: it was broken off. */
export async function untilAborted(signal: AbortSignal, work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
