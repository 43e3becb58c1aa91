import type { RejectionLimits } from "../rejections.ts";

/** What the statement `trimRejections` takes. */
export function trimValues(
  { maxCount, maxBytes, maxAgeMs }: RejectionLimits,
  time: number,
): [storedUpTo: number, maxCount: number, maxBytes: number] {
  // D1 takes no infinite number.
  const finite = (number: number) => Math.min(number, Number.MAX_SAFE_INTEGER);
  return [time - finite(maxAgeMs), finite(maxCount), finite(maxBytes)];
}
