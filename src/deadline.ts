/**
 * The outcome of `work`, or a rejection with `late()` after so many milliseconds, or when the signal
 * aborts. The work itself goes on: whoever started it stops it, and its own late failure is not
 * unhandled.
 */
export async function within<T>(
  work: Promise<T>,
  milliseconds: number,
  late: () => Error,
  signal?: AbortSignal,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let giveUp = () => {};
  const deadline = new Promise<never>((_, reject) => {
    giveUp = () => reject(late());
    timer = setTimeout(giveUp, Math.max(0, milliseconds));
    signal?.addEventListener("abort", giveUp);
    if (signal?.aborted) giveUp();
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

/** Resolves after so many milliseconds, or at once when the signal aborts. Never rejects. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done);
  });
}
