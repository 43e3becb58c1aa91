import { type Attempt, attemptsKept } from "../storage.ts";
import { type EventKeys, keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvAtomic, DenoKvKey } from "./kv.ts";
import { readEvent, standing } from "./read-event.ts";
import type { AttemptRecord, DeliveryRecord } from "./records.ts";

/** How an attempt ended. */
export type AttemptEnd = Pick<Attempt, "state" | "endedAt" | "error">;

/**
 * Adds to a commit that a delivery's last attempt ended so. Nothing is read for it: each claim raises
 * the fence by one, and so it tells which attempt is one too many.
 */
export function rememberAttempt(
  atomic: DenoKvAtomic,
  of: EventKeys,
  processor: string,
  { fence, attempts: attempt, startedAt }: DeliveryRecord,
  end: AttemptEnd,
): void {
  if (fence > attemptsKept) atomic.delete(of.attempt(processor, fence - attemptsKept));
  // It was claimed by a version that did not say when.
  if (typeof startedAt !== "number") return;
  atomic.set(of.attempt(processor, fence), { attempt, startedAt, ...end } satisfies AttemptRecord);
}

/** The end of the attempt that a delivery succeeded by; undefined of another one. */
export function successOf({ state, endedAt }: DeliveryRecord): AttemptEnd | undefined {
  return state === "succeeded" ? { state, endedAt, error: null } : undefined;
}

/** The keys at which there may be attempts of a delivery. */
export function attemptKeys(
  of: EventKeys,
  processor: string,
  { state, fence }: DeliveryRecord,
): DenoKvKey[] {
  const last = state === "running" || state === "succeeded" ? fence - 1 : fence;
  const keys: DenoKvKey[] = [];
  for (let each = Math.max(1, fence - attemptsKept); each <= last; each++) {
    keys.push(of.attempt(processor, each));
  }
  return keys;
}

/** Tells of the attempts of an event's deliveries: {@linkcode Storage.attempts}. */
export async function attempts(kv: DenoKv, eventId: string): Promise<Attempt[]> {
  // First: what ends between the two reads is then found by both, and not by none.
  const event = await readEvent(kv, eventId);
  if (event === undefined) return [];
  const ended = new Map<string, Map<number, Attempt>>();
  const prefix = (await keysOfEvent(eventId)).attempts;
  for await (const { key, value } of kv.list({ prefix }, { batchSize: 500 })) {
    const [processor, fence] = [String(key[3]), Number(key[4])];
    const known = ended.get(processor) ?? new Map<number, Attempt>();
    ended.set(processor, known.set(fence, { processor, ...value as AttemptRecord }));
  }
  return standing(event).flatMap(({ processor, ...delivery }) => {
    const all = ended.get(processor) ?? new Map<number, Attempt>();
    const { state, fence, attempts: attempt, startedAt, endedAt } = delivery;
    const isTold = (state === "running" || state === "succeeded") && typeof startedAt === "number";
    if (isTold && !all.has(fence)) {
      all.set(fence, { processor, attempt, state, startedAt, endedAt, error: null });
    }
    return [...all.values()].slice(-attemptsKept);
  });
}
