import { within } from "../../deadline.ts";
import type { VerifiedBytes } from "../../signature.ts";
import {
  type Acceptance,
  type LeaseRequest,
  type NewEvent,
  type Storage,
  StorageError,
} from "../storage.ts";

/**
 * Stores an event, and waits so many milliseconds at the most, or until the signal aborts. It may
 * still be stored after that; what it claims then, nobody would run, and is given back.
 */
export async function acceptWithin(
  storage: Storage,
  event: NewEvent,
  milliseconds: number,
  signal: AbortSignal | undefined,
  lease?: LeaseRequest,
): Promise<Acceptance> {
  const giveUp = new AbortController();
  // What it is given must not change under it when it goes on after the caller was answered.
  const own: NewEvent = {
    ...event,
    body: event.body.slice() as VerifiedBytes,
    processors: [...event.processors],
  };
  // In an async function, so that a storage which throws instead of rejecting is no special case.
  const accepting = (async () => await storage.accept(own, giveUp.signal, lease))();
  const late = () => new StorageError("unavailable", "The storage did not answer in time.");
  try {
    return await within(accepting, milliseconds, late, signal);
  } catch (error) {
    giveUp.abort();
    void accepting.then(async ({ claims = [] }) => {
      for (const claim of claims) await storage.settle(claim, { kind: "released" });
    }).catch(() => {});
    throw error;
  }
}
