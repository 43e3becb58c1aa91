import { interleave } from "../interleave.ts";
import {
  type Claim,
  type ClaimRequest,
  type ClaimResult,
  type EventState,
  lastAttemptLost,
  type Lease,
} from "../storage.ts";
import { type BodyRow, fromText, type TextRow } from "./body.ts";
import { receivingStatements as sql } from "./receiving-statements.ts";
import type { D1Session } from "./session.ts";

/** A delivery that is due, as it was when it was read. */
interface Candidate {
  readonly event_seq: number;
  readonly processor: string;
  readonly attempts: number;
  readonly fence: number;
  readonly state: EventState;
  readonly size: number;
}

interface ClaimedEvent extends TextRow {
  readonly seq: number;
  readonly id: string;
  readonly received_at: number;
  readonly trace_parent: string | null;
}

type Won = Pick<Candidate, "event_seq" | "processor" | "attempts" | "fence">;
type Spent = Pick<Candidate, "processor" | "fence"> & { readonly id: string };

// An isolate has 128 MB for all its requests, and a body takes several times its size.
const maxClaimedBytes = 4_194_304;
// Of many callers at once one goes on in any case.
const maxRounds = 3;

/**
 * Claims what is due: reads it, chooses, and takes what is still as it was read. A batch to read,
 * and where something is due, a batch to take it with its bodies.
 */
export async function claim(
  session: D1Session,
  request: ClaimRequest,
  turn: number,
  now: () => number,
): Promise<ClaimResult> {
  const { processors, limit, leaseMs, maxAttempts } = request;
  const claims: Claim[] = [];
  const exhausted: Lease[] = [];
  let more = processors.length > 0;
  for (let round = 1; more; round++) {
    const time = now();
    const due = processors.map((name) => session.bind(sql.due, name, time, limit));
    const queues = await session.run(due) as Candidate[][];
    const chosen = choose(interleave(queues, turn), limit - claims.length, maxAttempts);
    const taken = await take(session, chosen, time, Math.ceil(time + leaseMs));
    claims.push(...taken.claims);
    exhausted.push(...taken.exhausted);
    // What is not run took the place of what is due behind it, and so did what another one took.
    const skipped = chosen.spent.length + chosen.superseded.length > 0;
    const lost = chosen.runnable.length > 0 && claims.length === 0 && round < maxRounds;
    more = claims.length < limit && (skipped || lost);
  }
  return { claims, exhausted };
}

interface Choice {
  readonly runnable: readonly Candidate[];
  /** Run as often as they may be. */
  readonly spent: readonly Candidate[];
  readonly superseded: readonly Candidate[];
}

function choose(candidates: Iterable<Candidate>, limit: number, maxAttempts: number): Choice {
  const runnable: Candidate[] = [];
  const spent: Candidate[] = [];
  const superseded: Candidate[] = [];
  let bytes = 0;
  for (const candidate of candidates) {
    if (runnable.length === limit) break;
    if (candidate.state === "superseded") superseded.push(candidate);
    else if (candidate.attempts >= maxAttempts) spent.push(candidate);
    else {
      bytes += candidate.size;
      if (runnable.length > 0 && bytes > maxClaimedBytes) break;
      runnable.push(candidate);
    }
  }
  return { runnable, spent, superseded };
}

async function take(
  session: D1Session,
  { runnable, spent, superseded }: Choice,
  time: number,
  heldUntil: number,
): Promise<ClaimResult> {
  const { bind, run } = session;
  if (runnable.length + spent.length + superseded.length === 0) {
    return { claims: [], exhausted: [] };
  }
  const seqs = JSON.stringify(runnable.map(({ event_seq }) => event_seq));
  const [won = [], events = [], over = []] = await run([
    bind(sql.claim, listOf(runnable), time, heldUntil),
    bind(sql.claimedEvents, seqs, heldUntil),
    ...(spent.length > 0 ? [bind(sql.exhaust, listOf(spent), time, lastAttemptLost)] : []),
    ...(superseded.length > 0 ? [bind(sql.withdrawDue, listOf(superseded), time)] : []),
  ]) as [Won[], ClaimedEvent[], Spent[]];
  const bodies = await bodiesOf(session, events);
  return {
    claims: runnable.flatMap(({ event_seq, processor }): Claim[] => {
      const delivery = won.find((each) =>
        each.event_seq === event_seq && each.processor === processor
      );
      const event = events.find(({ seq }) => seq === event_seq);
      const body = bodies.get(event_seq);
      if (!delivery || !event || !body) return [];
      const { fence, attempts: attempt } = delivery;
      const { id: eventId, received_at: receivedAt, trace_parent: traceParent } = event;
      return [{ eventId, processor, fence, attempt, receivedAt, body: body.slice(), traceParent }];
    }),
    exhausted: over.map(({ id: eventId, processor, fence }) => ({ eventId, processor, fence })),
  };
}

/** The bodies of claimed events, by `seq`. */
async function bodiesOf(
  { bind, run }: D1Session,
  events: readonly ClaimedEvent[],
): Promise<ReadonlyMap<number, Uint8Array<ArrayBuffer>>> {
  const bodies = new Map<number, Uint8Array<ArrayBuffer>>();
  const unclear: ClaimedEvent[] = [];
  for (const event of events) {
    const body = fromText(event);
    if (body === undefined) unclear.push(event);
    else bodies.set(event.seq, body);
  }
  if (unclear.length === 0) return bodies;
  const rows = await run(unclear.map(({ id }) => bind(sql.body, id))) as BodyRow[][];
  for (const [index, { seq }] of unclear.entries()) {
    const row = rows[index]?.[0];
    if (row !== undefined) bodies.set(seq, Uint8Array.from(row.body));
  }
  return bodies;
}

/** What the statements for deliveries that are still due take. */
function listOf(deliveries: readonly Candidate[]): string {
  return JSON.stringify(
    deliveries.map(({ event_seq, processor, fence }) => [event_seq, processor, fence]),
  );
}
