import type { StorageStats } from "../storage.ts";
import { keys } from "./keys.ts";
import type { DenoKv, DenoKvAtomic } from "./kv.ts";

/** What is counted, or by how much it changes. */
export interface Counts {
  readonly events?: Readonly<Partial<StorageStats["events"]>>;
  readonly deliveries?: Readonly<Partial<StorageStats["deliveries"]>>;
  readonly duplicates?: number;
  readonly expectations?: number;
}

/** Adds to a commit what changes by it. A sum conflicts with no other one. */
export function count(atomic: DenoKvAtomic, changes: Counts): void {
  for (const [kind, change] of Object.entries(changes)) {
    const states: Readonly<Record<string, number>> = typeof change === "number"
      ? { all: change }
      : change;
    for (const [state, by] of Object.entries(states)) {
      // Sums are modulo 2^64, and so less than 0 is taken off.
      if (by !== 0) atomic.sum(keys.count(kind, state), BigInt.asUintN(64, BigInt(by)));
    }
  }
}

/** What is counted, as it is at one moment. */
export async function readCounts(
  kv: DenoKv,
): Promise<Pick<StorageStats, "events" | "deliveries"> & Required<Counts>> {
  const counted = new Map<string, number>();
  for await (const { key, value } of kv.list({ prefix: keys.counts })) {
    counted.set(key.slice(2).join(), Number((value as { readonly value: bigint }).value));
  }
  const of = (kind: string, state: string = "all") => counted.get(`${kind},${state}`) ?? 0;
  return {
    events: {
      accepted: of("events", "accepted"),
      ignored: of("events", "ignored"),
      quarantined: of("events", "quarantined"),
      superseded: of("events", "superseded"),
    },
    deliveries: {
      pending: of("deliveries", "pending"),
      running: of("deliveries", "running"),
      succeeded: of("deliveries", "succeeded"),
      dead: of("deliveries", "dead"),
    },
    duplicates: of("duplicates"),
    expectations: of("expectations"),
  };
}
