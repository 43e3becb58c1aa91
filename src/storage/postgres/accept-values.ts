import type { NewEvent } from "../storage.ts";

/** What the statement `accept` takes. */
export function acceptValues(event: NewEvent): readonly unknown[] {
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
  ];
}
