import { interleave } from "../interleave.ts";
import {
  type Claim,
  type ClaimRequest,
  type ClaimResult,
  lastAttemptLost,
  type Lease,
} from "../storage.ts";
import type { Connection } from "./connection.ts";

/** Claims what is due. */
export function claim(
  connection: Connection,
  { processors, limit, leaseMs, maxAttempts }: ClaimRequest,
  turn: number,
  time: number,
): ClaimResult {
  const claims: Claim[] = [];
  const exhausted: Lease[] = [];
  const heldUntil = Math.ceil(time + leaseMs);
  let skipped: boolean;
  do {
    skipped = false;
    const queues = processors.map((name) => connection.all("due", name, time, limit));
    for (const { event_seq, processor, attempts, fence } of interleave(queues, turn)) {
      if (claims.length === limit) break;
      const event = connection.one("claimedEvent", event_seq);
      if (event === undefined || event.state === "superseded") {
        connection.run("withdrawOne", event_seq, processor);
        skipped = true;
      } else if (attempts >= maxAttempts) {
        connection.run("exhaust", time, lastAttemptLost, event_seq, processor);
        exhausted.push({ eventId: event.id, processor, fence });
        skipped = true;
      } else {
        connection.run("claim", heldUntil, time, event_seq, processor);
        claims.push({
          eventId: event.id,
          processor,
          fence: fence + 1,
          attempt: attempts + 1,
          receivedAt: event.received_at,
          body: event.body,
          traceParent: event.trace_parent,
        });
      }
    }
    // What is not run took the place of what is due behind it.
  } while (skipped && claims.length < limit);
  return { claims, exhausted };
}
