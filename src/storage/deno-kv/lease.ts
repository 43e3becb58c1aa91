import type { Lease, Outcome } from "../storage.ts";
import { changeDeliveries } from "./change.ts";
import { keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvEntry } from "./kv.ts";
import type { DeliveryRecord, StatusRecord } from "./records.ts";
import { shortened } from "./shortened.ts";
import { untilCommitted } from "./until-committed.ts";

// Two bytes each at the most, and so below what a value may have.
const maxErrorLength = 30_000;

/** Makes a lease last longer: {@linkcode Storage.renew}. */
export function renew(
  kv: DenoKv,
  lease: Lease,
  leaseMs: number,
  now: () => number,
): Promise<boolean> {
  return change(kv, lease, (running) => ({ ...running, dueAt: Math.ceil(now() + leaseMs) }));
}

/** Ends an attempt: {@linkcode Storage.settle}. */
export function settle(
  kv: DenoKv,
  lease: Lease,
  outcome: Outcome,
  now: () => number,
): Promise<boolean> {
  return change(kv, lease, (running) => {
    switch (outcome.kind) {
      case "succeeded":
        return { ...running, state: "succeeded", endedAt: Math.floor(now()) };
      case "dead":
        return {
          ...running,
          state: "dead",
          endedAt: Math.floor(now()),
          lastError: shortened(outcome.error, maxErrorLength),
        };
      case "released":
        return {
          ...running,
          state: "pending",
          attempts: running.attempts - 1,
          dueAt: Math.ceil(now()),
        };
      case "retry": {
        const dueAt = Math.ceil(now() + outcome.afterMs);
        return {
          ...running,
          state: "pending",
          dueAt,
          lastError: shortened(outcome.error, maxErrorLength),
        };
      }
    }
  });
}

/** Changes a running delivery. False: this is not its lease. */
async function change(
  kv: DenoKv,
  { eventId, processor, fence }: Lease,
  next: (running: DeliveryRecord) => DeliveryRecord,
): Promise<boolean> {
  const of = await keysOfEvent(eventId);
  return await untilCommitted(async () => {
    const [delivery, event, status] = await kv.getMany(
      [of.delivery(processor), of.record, of.status],
    ) as [DenoKvEntry, DenoKvEntry, DenoKvEntry];
    const known = delivery.value as DeliveryRecord | null;
    if (known?.state !== "running" || known.fence !== fence) return false;
    const changed = next(known);
    const { superseded } = status.value as StatusRecord;
    const isWithdrawn = superseded && (changed.state === "pending" || changed.state === "dead");
    const change = changeDeliveries(kv, of, event, status);
    change.move(processor, known, isWithdrawn ? undefined : changed);
    return await change.commit() ? true : undefined;
  });
}
