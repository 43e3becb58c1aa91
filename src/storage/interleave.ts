/**
 * One of each queue in turn, until all are empty: `[1, 2, 3]` and `[a]` give 1, a, 2, 3.
 *
 * @param turn Which queue comes first. Raised from call to call, none of them is always last.
 */
export function* interleave<T>(queues: readonly (readonly T[])[], turn: number): Generator<T> {
  const longest = Math.max(0, ...queues.map((queue) => queue.length));
  for (let index = 0; index < longest; index++) {
    for (let queue = 0; queue < queues.length; queue++) {
      const item = queues[(queue + turn) % queues.length]?.[index];
      if (item !== undefined) yield item;
    }
  }
}
