/** So many bytes that may be held at once. */
export interface ByteBudget {
  /**
   * Takes so many of them, or all where that is less, as soon as they are there: those who came
   * earlier go first.
   *
   * @returns A function that gives them back; undefined where they were not there in time.
   */
  take(bytes: number, withinMs: number): Promise<(() => void) | undefined>;
}

export function createByteBudget(total: number): ByteBudget {
  let free = total;
  const waiting = new Set<() => boolean>();
  const admit = () => {
    // None goes ahead of a larger one, which might then wait for ever.
    for (const begin of waiting) if (!begin()) return;
  };
  return {
    take: (bytes, withinMs) =>
      new Promise((resolve) => {
        const taken = Math.min(bytes, total);
        const leave = () => {
          clearTimeout(timer);
          waiting.delete(begin);
        };
        const begin = () => {
          if (taken > free) return false;
          free -= taken;
          leave();
          resolve(() => {
            free += taken;
            admit();
          });
          return true;
        };
        const timer = setTimeout(() => {
          leave();
          resolve(undefined);
          admit();
        }, withinMs);
        waiting.add(begin);
        admit();
      }),
  };
}
