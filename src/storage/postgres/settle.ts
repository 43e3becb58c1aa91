import { attemptError } from "../attempt-error.ts";
import type { Lease, Outcome } from "../storage.ts";
import type { Query } from "./client.ts";
import { storable } from "./values.ts";

/** Ends an attempt by the statement `settle`. False: the lease is lost. */
export async function settle(
  query: Query,
  statement: string,
  { eventId, processor, fence }: Lease,
  outcome: Outcome,
): Promise<boolean> {
  const error = "error" in outcome ? storable(outcome.error) : null;
  const [row] = await query<{ held: boolean }>(statement, [
    eventId,
    processor,
    fence,
    outcome.kind,
    outcome.kind === "retry" ? outcome.afterMs : 0,
    error,
    error === null ? null : attemptError(error),
  ]);
  return row?.held === true;
}
