import type { RejectionLimits, RejectionPage } from "../rejections.ts";
import type { RejectionRow } from "./rejection-statements.ts";

/** What the statement `trimRejections` takes. */
export function trimValues(
  { maxCount, maxBytes, maxAgeMs }: RejectionLimits,
  time: number,
): [storedUpTo: number, maxCount: number, maxBytes: number] {
  // D1 takes no infinite number.
  const finite = (number: number) => Math.min(number, Number.MAX_SAFE_INTEGER);
  return [time - finite(maxAgeMs), finite(maxCount), finite(maxBytes)];
}

/** A page, of rows that are one more than asked for where there is a next page. */
export function rejectionPageOf(rows: readonly RejectionRow[], limit: number): RejectionPage {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return {
    rejections: page.map(({ id, received_at: receivedAt, signature, size }) => ({
      id,
      receivedAt,
      signature,
      size,
    })),
    nextCursor: last ? String(last.seq) : null,
  };
}
