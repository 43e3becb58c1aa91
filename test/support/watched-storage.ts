import type { ClaimRequest, ClaimResult, Lease, Outcome, Storage } from "imggo-webhooks";
import { createQueue, type Queue } from "./queue.ts";

/** A call of `settle()` that was answered. */
export interface Settled {
  readonly lease: Lease;
  readonly outcome: Outcome;
  /** What the storage answered. */
  readonly held: boolean;
}

/** A storage, and what a worker does with it. */
export interface WatchedStorage {
  readonly storage: Storage;
  readonly claimed: Queue<{ readonly request: ClaimRequest; readonly result: ClaimResult }>;
  /** What the storage answered to `renew()`. */
  readonly renewed: Queue<boolean>;
  readonly settled: Queue<Settled>;
}

/** The same storage; what is asked of it can be awaited. */
export function watchStorage(storage: Storage): WatchedStorage {
  const claimed: WatchedStorage["claimed"] = createQueue();
  const renewed: WatchedStorage["renewed"] = createQueue();
  const settled: WatchedStorage["settled"] = createQueue();
  return {
    claimed,
    renewed,
    settled,
    storage: {
      ...storage,
      async claim(request) {
        const result = await storage.claim(request);
        claimed.push({ request, result });
        return result;
      },
      async renew(lease, leaseMs) {
        const held = await storage.renew(lease, leaseMs);
        renewed.push(held);
        return held;
      },
      async settle(lease, outcome) {
        const held = await storage.settle(lease, outcome);
        settled.push({ lease, outcome, held });
        return held;
      },
    },
  };
}
