import { describeError } from "../../describe-error.ts";
import type { Logger } from "../../logger.ts";
import type { Claim, Outcome, Storage, StoredEvent } from "../storage.ts";
import { acceptWithin } from "./accept-within.ts";
import { type Experience, gainTrust, isRefusedAlone, loseTrust } from "./experience.ts";
import { isSetAside, isUnmoved, setAsideFor } from "./leftovers.ts";
import { open, type Opened } from "./seal.ts";

/** The storage failed, or was too slow, for one event at least. */
export class PrimaryFailed extends Error {
  override readonly name = "PrimaryFailed";
}

/** What {@linkcode moveBatch} works with. */
export interface BatchParts {
  readonly primary: Storage;
  readonly spool: Storage;
  readonly logger: Logger;
  /** Is told of each event that was moved. */
  readonly onMoved: () => void;
  readonly experience: Experience;
  /** Aborts when the mover is to stop. */
  readonly stopping: AbortSignal;
}

/** The most events in a batch. */
export const batchSize = 50;

/** How long a batch's leases last: longer than its time and the two tries after that. */
export const leaseMs = 15_000;
const batchWithinMs = 4_000;
const tryWithinMs = 5_000;

const setAsideMs = 15 * 60_000;
const repeatAfterMs = 1_000;

// Due long before whatever was never tried: what is put back is first again, in the same order, and
// a process that is killed between two tries holds nothing.
const putBack: Outcome = {
  kind: "retry",
  afterMs: -10 * 365 * 24 * 3_600_000,
  error: "The storage did not take it yet.",
};

interface Item {
  readonly claim: Claim;
  readonly stored: StoredEvent;
  /** Undefined where another version sealed it. */
  readonly opened: Opened | undefined;
}

/**
 * Hands claimed events to the storage, in order. While that goes well, several at once, but never
 * two of one job. What it did not get to is put back at its place.
 *
 * @param claimedAt The steady clock before the claim.
 * @throws {PrimaryFailed} when the storage failed; anything else when the spool did.
 */
export async function moveBatch(
  claims: readonly Claim[],
  claimedAt: number,
  { primary, spool, logger, onMoved, experience, stopping }: BatchParts,
): Promise<void> {
  const settling: Promise<unknown>[] = [];
  // Not awaited one by one: the spool's commits go on beside the storage's.
  const settle = ({ claim }: Pick<Item, "claim">, outcome: Outcome) => {
    const settled = spool.settle(claim, outcome);
    settled.catch(() => {});
    settling.push(settled);
  };

  const setAside = (item: Item, error: unknown) => {
    const reason = describeError(error);
    logger.error("a spooled event was refused: set aside, to be tried again", {
      id: item.stored.id,
      error: reason,
      after_s: setAsideMs / 1_000,
    });
    settle(item, { kind: "retry", afterMs: setAsideMs, error: setAsideFor(reason) });
  };

  const hand = async (item: Item, { event, repeatOf }: Opened): Promise<void> => {
    const { id } = await acceptWithin(primary, event, tryWithinMs, stopping).catch((cause) => {
      throw new PrimaryFailed("The storage took no event.", { cause });
    });
    onMoved();
    settle(item, { kind: "succeeded" });
    if (id !== event.id && repeatOf === undefined) {
      logger.warn("a spooled event was stored before", { id: event.id, first: id });
    }
  };

  /** Whether the storage takes another event than the first of these; that one is moved then. */
  const takesAnother = async (items: Item[]): Promise<boolean> => {
    // A repeat must not come before what it repeats.
    const others = items.slice(1).filter(({ opened }) => opened && !opened.repeatOf);
    const other = others[Math.floor(Math.random() * others.length)];
    if (other?.opened === undefined) return false;
    await hand(other, other.opened);
    items.splice(items.indexOf(other), 1);
    return true;
  };

  const moveFirst = async (items: Item[]): Promise<void> => {
    const [item] = items as [Item];
    const { stored, opened } = item;
    if (opened === undefined) {
      return setAside(item, new Error("Another version spooled it: update imggo-webhooks."));
    }
    if (opened.repeatOf !== undefined) {
      await Promise.all(settling);
      const first = await spool.get(opened.repeatOf);
      // Or the storage would know the event by this id, and the sender was told the first one's.
      if (first !== undefined && isUnmoved(first)) {
        const error = setAsideFor("The event that it repeats comes first.");
        return settle(item, { kind: "retry", afterMs: repeatAfterMs, error });
      }
    }
    try {
      await hand(item, opened);
    } catch (error) {
      if (!(error instanceof PrimaryFailed) || stopping.aborted) throw error;
      // What was refused alone before does not keep the others waiting once more.
      if (isSetAside(stored)) return setAside(item, error.cause);
      if (await isRefusedAlone(experience, stored.id, () => takesAnother(items))) {
        return setAside(item, error.cause);
      }
      throw error;
    }
  };

  const moveTogether = async (items: Item[], together: readonly Item[]): Promise<void> => {
    const results = await Promise.allSettled(
      together.map((item) => hand(item, item.opened as Opened)),
    );
    const failed = together.filter((_, index) => results[index]?.status === "rejected");
    items.splice(0, together.length, ...failed);
    if (failed.length > 0) loseTrust(experience);
  };

  const items: Item[] = [];
  try {
    // In an async function: where one throws at once, the others' failures are handled all the same.
    const stored = await Promise.all(claims.map(async ({ eventId }) => await spool.get(eventId)));
    claims.forEach((claim, index) => {
      const event = stored[index];
      if (event !== undefined) {
        items.push({ claim, stored: event, opened: open(event, claim.body) });
      }
    });
    const inTime = () => performance.now() - claimedAt < batchWithinMs && !stopping.aborted;
    while (items.length > 0 && inTime()) {
      const together = firstTogether(items, experience.atOnce);
      if (together.length > 1) await moveTogether(items, together);
      else {
        await moveFirst(items);
        items.shift();
      }
    }
    if (claims.length === batchSize) gainTrust(experience);
  } catch (error) {
    loseTrust(experience);
    throw error;
  } finally {
    for (const item of items) settle(item, putBack);
    await Promise.all(settling);
  }
}

/** The events at the front, so many at the most, whose order among themselves means nothing. */
function firstTogether(items: readonly Item[], most: number): Item[] {
  const together: Item[] = [];
  const jobs = new Set<string | null>();
  for (const item of items.slice(0, most)) {
    const { opened, stored } = item;
    if (!opened || opened.repeatOf || isSetAside(stored) || jobs.has(opened.event.jobId)) break;
    if (opened.event.jobId !== null) jobs.add(opened.event.jobId);
    together.push(item);
  }
  return together;
}
