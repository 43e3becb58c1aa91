import { describeError } from "./describe-error.ts";
import type { Logger } from "./logger.ts";
import type { Lease, Storage } from "./storage/storage.ts";

/** A lease that is being kept. */
export interface KeptLease {
  /** Until when no other worker can have it, by this process's steady clock. */
  heldUntil(): number;
  /** Stops keeping it. */
  release(): void;
}

/**
 * Renews a lease three times in its length, and calls `lost` when it is lost: when the storage says
 * so, or when it did not answer until the lease's end, after which another worker may have it.
 */
export function keepLease(
  lease: Lease,
  leaseMs: number,
  { storage, logger, heldSince, lost }: {
    readonly storage: Storage;
    readonly logger: Logger;
    /** The steady clock before the claim, or before the last renewal. */
    readonly heldSince: number;
    readonly lost: () => void;
  },
): KeptLease {
  let heldUntil = heldSince + leaseMs;
  const untilExpiry = () => Math.max(0, heldUntil - performance.now());
  let expiry = setTimeout(lost, untilExpiry());
  let released = false;

  const renew = async () => {
    const askedAt = performance.now();
    try {
      const renewed = await storage.renew(lease, leaseMs);
      if (released) return;
      if (!renewed) return lost();
      heldUntil = askedAt + leaseMs;
      clearTimeout(expiry);
      expiry = setTimeout(lost, untilExpiry());
    } catch (error) {
      logger.warn("lease not renewed", {
        id: lease.eventId,
        processor: lease.processor,
        error: describeError(error),
      });
    }
  };
  const timer = setInterval(renew, leaseMs / 3);

  return {
    heldUntil: () => heldUntil,
    release() {
      released = true;
      clearInterval(timer);
      clearTimeout(expiry);
    },
  };
}
