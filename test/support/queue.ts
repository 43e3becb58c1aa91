/** Things that happen, for a test that awaits them one after another. */
export interface Queue<T> {
  readonly push: (item: T) => void;
  /** The next thing that nobody has awaited yet, once it has happened. */
  readonly next: () => Promise<T>;
  /** The next so many things. */
  readonly take: (count: number) => Promise<T[]>;
  /** All that has happened so far, awaited or not. */
  readonly items: readonly T[];
}

export function createQueue<T>(): Queue<T> {
  const items: T[] = [];
  const waiting: ((item: T) => void)[] = [];
  let taken = 0;
  const next = (): Promise<T> => {
    const at = taken++;
    const item = items[at];
    return at < items.length
      ? Promise.resolve(item as T)
      : new Promise((resolve) => waiting.push(resolve));
  };
  return {
    items,
    next,
    push(item) {
      items.push(item);
      waiting.shift()?.(item);
    },
    async take(count) {
      const all: T[] = [];
      while (all.length < count) all.push(await next());
      return all;
    },
  };
}
