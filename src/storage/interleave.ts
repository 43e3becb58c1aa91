/** One of each queue in turn, until all are empty: `[1, 2, 3]` and `[a]` give 1, a, 2, 3. */
export function* interleave<T>(queues: readonly (readonly T[])[]): Generator<T> {
  const longest = Math.max(0, ...queues.map((queue) => queue.length));
  for (let index = 0; index < longest; index++) {
    for (const queue of queues) {
      const item = queue[index];
      if (item !== undefined) yield item;
    }
  }
}
