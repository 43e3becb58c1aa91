import { interleave } from "../interleave.ts";
import {
  type Claim,
  type ClaimRequest,
  type ClaimResult,
  lastAttemptLost,
  type Lease,
} from "../storage.ts";
import { readBody } from "./content.ts";
import { keys, keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvEntry } from "./kv.ts";
import type { DeliveryRecord, EventRecord } from "./records.ts";
import { untilCommitted } from "./until-committed.ts";

/** An entry among what is due. */
interface Candidate {
  readonly entry: DenoKvEntry;
  readonly processor: string;
  readonly dueAt: number;
  /** The place of its event in the order. */
  readonly place: string;
}

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
  let skipped = true;
  // What is not claimed took the place of what is due behind it.
  while (skipped && claims.length < request.limit) {
    const left = request.limit - claims.length;
    const queues = request.processors.map((name) => listDue(kv, name, time, left));
    const candidates = [...interleave(await Promise.all(queues), turn)].slice(0, left);
    const results = await Promise.allSettled(
      candidates.map((candidate) => untilCommitted(() => take(kv, candidate, request, now))),
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
  for await (const entry of kv.list(selector, { limit })) {
    const [, , , dueAt, place] = entry.key;
    candidates.push({ entry, processor, dueAt: Number(dueAt), place: String(place) });
  }
  return candidates;
}

async function take(
  kv: DenoKv,
  { entry, processor, dueAt, place }: Candidate,
  { leaseMs, maxAttempts }: ClaimRequest,
  now: () => number,
): Promise<Taken> {
  const eventId = String(entry.value);
  const of = await keysOfEvent(eventId);
  const [delivery, event, superseded] = await kv.getMany(
    [of.delivery(processor), of.record, of.superseded],
  ) as [DenoKvEntry, DenoKvEntry, DenoKvEntry];
  const known = delivery.value as DeliveryRecord | null;
  const record = event.value as EventRecord;
  const atomic = kv.atomic().check(entry, delivery, superseded).delete(entry.key);
  if (known === null || known.dueAt !== dueAt) {
    // Another caller was here between the two reads, and the check fails.
    await atomic.commit();
    return {};
  }
  if (superseded.versionstamp !== null) {
    await atomic.delete(delivery.key).commit();
    return {};
  }
  const isExhausted = known.attempts >= maxAttempts;
  // Before the commit: an attempt that cannot be run must not count.
  const body = isExhausted ? undefined : await readBody(kv, record);
  if (body === undefined) {
    // Or it would be claimed again and again, and keep what is due behind it from being so.
    const lastError = isExhausted ? lastAttemptLost : "The storage lost a part of the event.";
    const dead: DeliveryRecord = { ...known, state: "dead", lastError };
    const { ok } = await atomic.set(delivery.key, dead).commit();
    return ok ? { exhausted: { eventId, processor, fence: known.fence } } : {};
  }
  const running: DeliveryRecord = {
    ...known,
    state: "running",
    attempts: known.attempts + 1,
    fence: known.fence + 1,
    dueAt: Math.ceil(now() + leaseMs),
  };
  const { ok } = await atomic
    .set(delivery.key, running)
    .set(keys.due(processor, running.dueAt, place), eventId)
    .commit();
  if (!ok) return {};
  const { attempts: attempt, fence } = running;
  return { claim: { eventId, processor, fence, attempt, receivedAt: record.receivedAt, body } };
}
