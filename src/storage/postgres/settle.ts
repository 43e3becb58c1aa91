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
  const rows = await query(statement, [
    eventId,
    processor,
    fence,
    { retry: 0, released: 0, succeeded: 2, dead: 3 }[outcome.kind],
    outcome.kind === "retry" ? outcome.afterMs : 0,
    outcome.kind === "released" ? 1 : 0,
    "error" in outcome ? storable(outcome.error) : null,
  ]);
  return rows.length === 1;
}
