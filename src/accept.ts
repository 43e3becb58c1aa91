import { describeError } from "./describe-error.ts";
import { WebhookError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import type { Acceptance, LeaseRequest, NewEvent, Storage } from "./storage/storage.ts";

// Each holds a body in memory until the storage answers, which it may never do.
const maxUnsettled = 1_000;
// A storage that is told to end its waiting gets so long to do what is left to do: to say that it
// could not, or to put the event somewhere else. Where a slow body left less than twice that, half.
const lastMs = 500;

/**
 * Makes a function that stores an event, by one atomic write, or says in time that it could not.
 *
 * @returns A function of an event, the milliseconds that are left, a log, and what is to be claimed.
 * It rejects with a {@linkcode WebhookError} `storage_unavailable` where the storage fails or is too
 * slow.
 */
export function createAccept(
  storage: Storage,
): (
  event: NewEvent,
  withinMs: number,
  log: Logger,
  lease?: LeaseRequest,
) => Promise<Acceptance> {
  let unsettled = 0;

  return async (event, withinMs, log, lease) => {
    if (unsettled >= maxUnsettled) {
      log.error("not stored", { error: "too many events wait for the storage" });
      throw new WebhookError("storage_unavailable");
    }
    const giveUp = new AbortController();
    const waiting = Math.max(withinMs / 2, withinMs - lastMs);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        giveUp.abort();
        const late = () => reject(new Error("the storage was too slow"));
        timer = setTimeout(late, withinMs - waiting);
      }, waiting);
    });
    unsettled++;
    // In an async function, so that a storage which throws instead of rejecting is no special case.
    const accepting = (async () => await storage.accept(event, giveUp.signal, lease))()
      .finally(() => unsettled--);
    try {
      return await Promise.race([accepting, deadline]);
    } catch (cause) {
      giveUp.abort();
      // A commit that comes late is harmless: the repeat will be its duplicate. What it claimed is
      // not kept from others until the lease ends.
      accepting.then(async ({ id, claims = [] }) => {
        log.warn("stored after the answer", { id });
        for (const claim of claims) await storage.settle(claim, { kind: "released" });
      }).catch(() => {});
      log.error("not stored", { error: describeError(cause) });
      throw new WebhookError("storage_unavailable", {}, { cause });
    } finally {
      clearTimeout(timer);
    }
  };
}
