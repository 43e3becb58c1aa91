import type { Acceptance, EventState, NewEvent } from "../storage.ts";
import { toParameter } from "./body.ts";
import { receivingStatements as sql } from "./receiving-statements.ts";
import type { D1Session } from "./session.ts";

/** Stores an event, or counts it: one batch, and for one that is known one query more. */
export async function accept(
  { bind, runPatiently }: D1Session,
  event: NewEvent,
  time: number,
  signal: AbortSignal | undefined,
): Promise<Acceptance> {
  const { id, key, state, jobId, patternId, receivedAt } = event;
  // Bound, and so copied, before anything is waited for.
  const body = toParameter(event.body);
  const statements = [
    bind(sql.addKey, key, id, event.origin),
    bind(sql.addEvent, key, id, state, event.event, jobId, patternId, receivedAt, body),
  ];
  if (state === "accepted" && jobId !== null) statements.push(bind(sql.fulfil, jobId));
  if (event.traceParent) statements.push(bind(sql.addTrace, id, event.traceParent));
  if (event.processors.length > 0) {
    statements.push(bind(sql.addDeliveries, id, JSON.stringify(event.processors), time));
  }
  if (state === "accepted" && event.event === "job.succeeded" && jobId !== null) {
    statements.push(bind(sql.supersede, jobId, id), bind(sql.withdrawFailed, jobId));
  }
  const [[known] = [], [added] = []] = await runPatiently(statements, signal) as [
    { readonly event_id: string }[],
    { readonly state: EventState }[],
  ];
  if (known === undefined) throw new Error("D1 returned no row.");
  if (added !== undefined) return { id, duplicate: false, state: added.state, identical: true };

  const compare = [bind(sql.compareEvent, body, known.event_id)];
  const [[first] = []] = await runPatiently(compare, signal) as [
    { readonly state: EventState; readonly identical: 0 | 1 }[],
  ];
  return {
    id: known.event_id,
    duplicate: known.event_id !== id,
    state: first?.state ?? state,
    identical: first === undefined || first.identical === 1,
  };
}
