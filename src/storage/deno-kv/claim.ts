import { interleave } from "../interleave.ts";
import {
  type Claim,
  type ClaimRequest,
  type ClaimResult,
  lastAttemptLost,
  type Lease,
} from "../storage.ts";
import type { AttemptEnd } from "./attempts.ts";
import { changeDeliveries } from "./change.ts";
import { readBody } from "./content.ts";
import { createTurns } from "./in-turn.ts";
import { keys, keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvEntry } from "./kv.ts";
import type { DeliveryRecord, EventRecord, StatusRecord } from "./records.ts";
import { untilCommitted } from "./until-committed.ts";

/** An entry among what is due. */
interface Candidate {
  readonly eventId: string;
  readonly processor: string;
  readonly dueAt: number;
}

const lost: AttemptEnd = { state: "lost", endedAt: null, error: null };

/** What came of a candidate: nothing, where another caller has it or it was withdrawn. */
interface Taken {
  readonly claim?: Claim;
  readonly exhausted?: Lease;
}

/**
 * Claims what is due: {@linkcode Storage.claim}. Each claim is a commit of its own.
 *
 * @param turn Which processor comes first.
 */
export async function claim(
  kv: DenoKv,
  request: ClaimRequest,
  turn: number,
  now: () => number,
): Promise<ClaimResult> {
  const time = now();
  const claims: Claim[] = [];
  const exhausted: Lease[] = [];
  const inTurn = createTurns();
  let skipped = true;
  // What is not claimed took the place of what is due behind it.
  while (skipped && claims.length < request.limit) {
    const left = request.limit - claims.length;
    const queues = request.processors.map((name) => listDue(kv, name, time, left));
    const candidates = [...interleave(await Promise.all(queues), turn)].slice(0, left);
    const results = await Promise.allSettled(
      candidates.map((candidate) =>
        inTurn(candidate.eventId, () => untilCommitted(() => take(kv, candidate, request, now)))
      ),
    );
    skipped = false;
    for (const result of results) {
      const taken: Taken = result.status === "fulfilled" ? result.value : {};
      if (taken.claim) claims.push(taken.claim);
      else skipped = true;
      if (taken.exhausted) exhausted.push(taken.exhausted);
    }
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) continue;
    // What was claimed is the caller's to run, whatever became of the rest.
    if (claims.length + exhausted.length > 0) break;
    throw failed.reason;
  }
  return { claims, exhausted };
}

async function listDue(
  kv: DenoKv,
  processor: string,
  time: number,
  limit: number,
): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  const selector = { prefix: keys.dues(processor), end: keys.dueUntil(processor, time) };
  for await (const { key, value } of kv.list(selector, { limit })) {
    candidates.push({ eventId: String(value), processor, dueAt: Number(key[3]) });
  }
  return candidates;
}

/** Undefined: another delivery of the event was changed meanwhile. */
async function take(
  kv: DenoKv,
  { eventId, processor, dueAt }: Candidate,
  { leaseMs, maxAttempts }: ClaimRequest,
  now: () => number,
): Promise<Taken | undefined> {
  const of = await keysOfEvent(eventId);
  const [delivery, event, status] = await kv.getMany(
    [of.delivery(processor), of.record, of.status],
  ) as [DenoKvEntry, DenoKvEntry, DenoKvEntry];
  const known = delivery.value as DeliveryRecord | null;
  const isDue = known?.state === "pending" || known?.state === "running";
  // Another caller was here between the two reads.
  if (!isDue || known.dueAt !== dueAt) return {};
  const record = event.value as EventRecord;
  const change = changeDeliveries(kv, of, event, status);
  if ((status.value as StatusRecord).superseded) {
    change.move(processor, known, undefined);
    return await change.commit() ? {} : undefined;
  }
  const end = known.state === "running" ? lost : undefined;
  const isExhausted = known.attempts >= maxAttempts;
  // Before the commit: an attempt that cannot be run must not count.
  const body = isExhausted ? undefined : await readBody(kv, record);
  if (body === undefined) {
    // Or it would be claimed again and again, and keep what is due behind it from being so.
    const lastError = isExhausted ? lastAttemptLost : "The storage lost a part of the event.";
    const endedAt = Math.floor(now());
    const dead: DeliveryRecord = { ...known, state: "dead", endedAt, lastError, startedAt: null };
    change.move(processor, known, dead, end);
    const exhausted: Lease = { eventId, processor, fence: known.fence };
    return await change.commit() ? { exhausted } : undefined;
  }
  const attempt = known.attempts + 1;
  const fence = known.fence + 1;
  change.move(processor, known, {
    ...known,
    state: "running",
    attempts: attempt,
    fence,
    dueAt: Math.ceil(now() + leaseMs),
    startedAt: Math.floor(now()),
  }, end);
  const { receivedAt, traceParent = null } = record;
  const claim: Claim = { eventId, processor, fence, attempt, receivedAt, body, traceParent };
  return await change.commit() ? { claim } : undefined;
}
