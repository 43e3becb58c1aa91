import { attemptError } from "../attempt-error.ts";
import type { Lease, Outcome } from "../storage.ts";
import type { Query } from "./client.ts";
import { oneRow } from "./one-row.ts";
import { storable } from "./values.ts";

/** What the statement `settle` takes. */
export function settleValues(
  { eventId, processor, fence }: Lease,
  outcome: Outcome,
): readonly unknown[] {
  const error = "error" in outcome ? storable(outcome.error) : null;
  return [
    eventId,
    processor,
    fence,
    outcome.kind,
    outcome.kind === "retry" ? outcome.afterMs : 0,
    error,
    error === null ? null : attemptError(error),
  ];
}

/** Ends an attempt by the statement `settle`. False: the lease is lost. */
export async function settle(
  query: Query,
  statement: string,
  lease: Lease,
  outcome: Outcome,
): Promise<boolean> {
  return oneRow(await query<{ held: boolean }>(statement, settleValues(lease, outcome))).held;
}
