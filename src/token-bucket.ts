/** A right that comes back steadily and can be saved up to some amount. */
export interface TokenBucket {
  /** Takes so many tokens, if there are so many. */
  take(count: number): boolean;
}

/**
 * Makes a full bucket.
 *
 * @param size The most tokens it holds.
 * @param perMinute How many come back.
 * @param now A clock that only goes forward, in milliseconds.
 */
export function createTokenBucket(
  size: number,
  perMinute: number,
  now: () => number = () => performance.now(),
): TokenBucket {
  let tokens = size;
  let countedAt = now();
  return {
    take(count) {
      const time = now();
      tokens = Math.min(size, tokens + (time - countedAt) / 60_000 * perMinute);
      countedAt = time;
      if (count > tokens) return false;
      tokens -= count;
      return true;
    },
  };
}
