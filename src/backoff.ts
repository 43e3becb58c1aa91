/** How long to wait between the attempts of a delivery. */
export interface BackoffOptions {
  /** The longest wait after the first attempt, in milliseconds. Default 2,000. */
  readonly firstMs?: number;
  /** The longest wait after any attempt, in milliseconds. Default 3,600,000: an hour. */
  readonly maxMs?: number;
}

// With it, eight attempts reach from the first wait's 2 s to the last one's hour. Doubling would
// give up within minutes.
const growth = 4;

/**
 * Exponential backoff with full jitter: a random wait between nothing and
 * `firstMs × 4^(attempt − 1)`, at most `maxMs`. Many deliveries that failed together spread out.
 *
 * @param attempt The attempt that failed, from 1.
 * @param random A number from 0 up to, not including, 1.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function retryDelay(
  attempt: number,
  { firstMs = 2_000, maxMs = 3_600_000 }: BackoffOptions = {},
  random: () => number = Math.random,
): number {
  // In the end the power would be infinite.
  const longest = Math.min(maxMs, firstMs * growth ** Math.min(attempt - 1, 26));
  return Math.round(random() * longest);
}
