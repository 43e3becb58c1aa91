import type { Acceptance, Claim, LeaseRequest, NewEvent } from "../storage.ts";
import type { Connection } from "./connection.ts";

/** Stores an event, or counts it. */
export function accept(
  connection: Connection,
  event: NewEvent,
  time: number,
  lease?: LeaseRequest,
): Acceptance {
  const isEnd = event.state === "accepted" && event.jobId !== null;
  if (isEnd) connection.run("fulfil", event.jobId);
  if (connection.run("addKey", event.key, event.id, event.origin) === 0) {
    return count(connection, event);
  }
  connection.checkRoom(event.body.length);
  const ofJob = (name: string) =>
    isEnd ? connection.all("findOfJob", event.jobId, name).map(({ seq }) => seq) : [];
  const late = event.event === "job.failed" && ofJob("job.succeeded").length > 0;
  const state = late ? "superseded" : event.state;
  const seq = connection.add(
    "addEvent",
    event.id,
    event.key,
    state,
    event.event,
    event.jobId,
    event.patternId,
    event.receivedAt,
    event.body,
  );
  if (event.traceParent) connection.run("addTrace", seq, event.traceParent);
  const claims: Claim[] = [];
  for (const processor of late ? [] : event.processors) {
    if (lease?.processors.includes(processor)) {
      const heldUntil = Math.ceil(time + lease.leaseMs);
      connection.run("addDelivery", seq, processor, 1, heldUntil, time);
      claims.push(firstClaim(event, processor));
    } else {
      connection.run("addDelivery", seq, processor, 0, time, null);
    }
  }
  if (event.event === "job.succeeded") {
    for (const seq of ofJob("job.failed")) {
      connection.run("supersede", seq);
      connection.run("withdraw", seq);
    }
  }
  return { id: event.id, duplicate: false, state, identical: true, ...(lease && { claims }) };
}

/** Counts a repeat of an event whose key is known. */
function count(connection: Connection, event: NewEvent): Acceptance {
  const key = connection.one("countDuplicate", event.id, event.key);
  if (key === undefined) throw new Error("SQLite returned no row of an update.");
  const first = connection.one("compareEvent", event.body, key.event_id);
  const duplicate = key.event_id !== event.id;
  return {
    id: key.event_id,
    duplicate,
    state: first?.state ?? event.state,
    identical: first === undefined || first.identical === 1,
  };
}

function firstClaim(
  { id: eventId, receivedAt, body, traceParent }: NewEvent,
  processor: string,
): Claim {
  return { eventId, processor, fence: 1, attempt: 1, receivedAt, body, traceParent };
}
