import type { Acceptance, Claim, LeaseRequest, NewEvent } from "../storage.ts";
import type { AcceptRow } from "./statements.ts";

/** What the statement `accept` takes. */
export function acceptValues(event: NewEvent, lease?: LeaseRequest): readonly unknown[] {
  return [
    event.id,
    event.key,
    event.state,
    event.origin,
    event.event,
    event.jobId,
    event.patternId,
    event.receivedAt,
    event.body,
    JSON.stringify(event.processors),
    event.traceParent,
    lease === undefined ? null : JSON.stringify(lease.processors),
    lease?.leaseMs ?? null,
  ];
}

/** What the row of the statement `accept` says. */
export function acceptanceOf(
  event: NewEvent,
  { id, state, identical, claimed }: AcceptRow,
  lease?: LeaseRequest,
): Acceptance {
  const { receivedAt, body, traceParent } = event;
  const processors = JSON.parse(claimed ?? "[]") as string[];
  const claims = processors.map((processor): Claim => ({
    eventId: id,
    processor,
    fence: 1,
    attempt: 1,
    receivedAt,
    body,
    traceParent,
  }));
  return { id, duplicate: id !== event.id, state, identical, ...(lease && { claims }) };
}
