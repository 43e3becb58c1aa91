import type { Acceptance, NewEvent } from "../storage.ts";
import type { Connection } from "./connection.ts";

/** Stores an event, or counts it. */
export function accept(connection: Connection, event: NewEvent, time: number): Acceptance {
  const isEnd = event.state === "accepted" && event.jobId !== null;
  if (isEnd) connection.run("fulfil", event.jobId);
  if (connection.run("addKey", event.key, event.id, event.origin) === 0) {
    return count(connection, event);
  }
  connection.checkRoom();
  const ofJob = (name: string) =>
    isEnd ? connection.all("findOfJob", event.jobId, name).map(({ seq }) => seq) : [];
  const late = event.event === "job.failed" && ofJob("job.succeeded").length > 0;
  const state = late ? "superseded" : event.state;
  const added = connection.one(
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
  if (added === undefined) throw new Error("SQLite returned no row of an insert.");
  if (event.traceParent) connection.run("addTrace", added.seq, event.traceParent);
  if (!late) {
    for (const processor of event.processors) {
      connection.run("addDelivery", added.seq, processor, time);
    }
  }
  if (event.event === "job.succeeded") {
    for (const seq of ofJob("job.failed")) {
      connection.run("supersede", seq);
      connection.run("withdraw", seq);
    }
  }
  return { id: event.id, duplicate: false, state, identical: true };
}

/** Counts a repeat of an event whose key is known. */
function count(connection: Connection, event: NewEvent): Acceptance {
  const key = connection.one("countDuplicate", event.id, event.key);
  if (key === undefined) throw new Error("SQLite returned no row of an update.");
  const first = connection.one("compareEvent", event.body, key.event_id);
  return {
    id: key.event_id,
    duplicate: key.event_id !== event.id,
    state: first?.state ?? event.state,
    identical: first === undefined || first.identical === 1,
  };
}
