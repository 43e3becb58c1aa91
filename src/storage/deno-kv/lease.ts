import { attemptError } from "../attempt-error.ts";
import type { Lease, Outcome } from "../storage.ts";
import type { AttemptEnd } from "./attempts.ts";
import { changeDeliveries } from "./change.ts";
import { keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvEntry } from "./kv.ts";
import type { DeliveryRecord, StatusRecord } from "./records.ts";
import { shortened } from "./shortened.ts";
import { untilCommitted } from "./until-committed.ts";

// Two bytes each at the most, and so below what a value may have.
const maxErrorLength = 30_000;

/** What becomes of a running delivery. */
interface Next {
  readonly to: DeliveryRecord;
  /** How its attempt ended, unless `to` tells. */
  readonly end?: AttemptEnd;
}

/** Makes a lease last longer: {@linkcode Storage.renew}. */
export function renew(
  kv: DenoKv,
  lease: Lease,
  leaseMs: number,
  now: () => number,
): Promise<boolean> {
  return change(kv, lease, (running) => ({
    to: { ...running, dueAt: Math.ceil(now() + leaseMs) },
  }));
}

/** Ends an attempt: {@linkcode Storage.settle}. */
export function settle(
  kv: DenoKv,
  lease: Lease,
  outcome: Outcome,
  now: () => number,
): Promise<boolean> {
  return change(kv, lease, (running) => {
    const time = now();
    const endedAt = Math.floor(time);
    if (outcome.kind === "succeeded") return { to: { ...running, state: "succeeded", endedAt } };
    const error = "error" in outcome ? attemptError(outcome.error) : null;
    return {
      to: { ...running, ...endOf(running, outcome, time), startedAt: null },
      end: { state: outcome.kind, endedAt, error },
    };
  });
}

/** What an end without success changes. */
function endOf(
  { attempts }: DeliveryRecord,
  outcome: Exclude<Outcome, { readonly kind: "succeeded" }>,
  time: number,
): Partial<DeliveryRecord> {
  if (outcome.kind === "released") {
    return { state: "pending", attempts: attempts - 1, dueAt: Math.ceil(time) };
  }
  const lastError = shortened(outcome.error, maxErrorLength);
  return outcome.kind === "dead"
    ? { state: "dead", endedAt: Math.floor(time), lastError }
    : { state: "pending", dueAt: Math.ceil(time + outcome.afterMs), lastError };
}

/** Changes a running delivery. False: this is not its lease. */
async function change(
  kv: DenoKv,
  { eventId, processor, fence }: Lease,
  next: (running: DeliveryRecord) => Next,
): Promise<boolean> {
  const of = await keysOfEvent(eventId);
  return await untilCommitted(async () => {
    const [delivery, event, status] = await kv.getMany(
      [of.delivery(processor), of.record, of.status],
    ) as [DenoKvEntry, DenoKvEntry, DenoKvEntry];
    const known = delivery.value as DeliveryRecord | null;
    if (known?.state !== "running" || known.fence !== fence) return false;
    const { to, end } = next(known);
    const { superseded } = status.value as StatusRecord;
    const isWithdrawn = superseded && (to.state === "pending" || to.state === "dead");
    const change = changeDeliveries(kv, of, event, status);
    change.move(processor, known, isWithdrawn ? undefined : to, end);
    return await change.commit() ? true : undefined;
  });
}
