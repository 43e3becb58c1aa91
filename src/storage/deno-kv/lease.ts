import type { Lease, Outcome } from "../storage.ts";
import { keys, keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvEntry } from "./kv.ts";
import type { DeliveryRecord } from "./records.ts";
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
        return { ...running, state: "succeeded" };
      case "dead":
        return { ...running, state: "dead", lastError: shortened(outcome.error) };
      case "released":
        return {
          ...running,
          state: "pending",
          attempts: running.attempts - 1,
          dueAt: Math.ceil(now()),
        };
      case "retry": {
        const dueAt = Math.ceil(now() + outcome.afterMs);
        return { ...running, state: "pending", dueAt, lastError: shortened(outcome.error) };
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
    const [delivery, event] = await kv.getMany(
      [of.delivery(processor), of.record],
    ) as [DenoKvEntry, DenoKvEntry];
    const known = delivery.value as DeliveryRecord | null;
    const place = event.versionstamp;
    if (known?.state !== "running" || known.fence !== fence || place === null) return false;
    const changed = next(known);
    // Where the event was superseded, what is pending or dead does not stand any more: nobody sees
    // it, and a claim that comes upon it removes it.
    const atomic = kv.atomic()
      .check(delivery)
      .delete(keys.due(processor, known.dueAt, place))
      .set(delivery.key, changed);
    if (changed.state === "running" || changed.state === "pending") {
      atomic.set(keys.due(processor, changed.dueAt, place), eventId);
    }
    return (await atomic.commit()).ok ? true : undefined;
  });
}

/** An error in one value; what is left out says so. */
function shortened(error: string): string {
  if (error.length <= maxErrorLength) return error;
  return `${error.slice(0, maxErrorLength)}… (${error.length - maxErrorLength} characters more)`;
}
