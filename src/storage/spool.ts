import { within } from "../deadline.ts";
import { describeError } from "../describe-error.ts";
import { guarded, type Logger, silentLogger } from "../logger.ts";
import { pingWithin } from "./ping-within.ts";
import { acceptWithin } from "./spool/accept-within.ts";
import { createMover } from "./spool/mover.ts";
import { createRoute } from "./spool/route.ts";
import { open, seal } from "./spool/seal.ts";
import {
  type Acceptance,
  type LeaseRequest,
  type NewEvent,
  type Storage,
  StorageError,
} from "./storage.ts";

/** What {@linkcode withSpool} takes. */
export interface SpoolOptions {
  /** Is told when spooling begins and ends. Default: nothing is logged. */
  readonly logger?: Logger;
  /** How long the storage may take for an event before the spool takes it. Default 2,000. */
  readonly primaryWithinMs?: number;
}

// More would wait for a storage that hangs than a receiver lets wait.
const mostWaiting = 500;
// The spool may be locked: by a backup, or by another process that hangs.
const spoolWithinMs = 1_000;
const pingWithinMs = 1_000;

/**
 * A storage whose events are kept in a local spool while it fails or is too slow, and moved to it,
 * in order and once, as soon as it is back: an outage costs no result.
 *
 * While anything is spooled every event goes to the spool at once. That keeps the order and the
 * duplicates, and no answer waits for a storage that is down. An event keeps its id on the way, but
 * where the storage had stored its key before: the log then names both. What the storage refuses
 * while it takes others is set aside, logged, and tried again every 15 minutes.
 *
 * Everything but `accept()` goes to the storage alone: an event that is spooled shows, counts, ends
 * its expectation and is processed once it is moved. Both storages are closed with this one.
 *
 * @param primary Where events are kept.
 * @param spool A durable storage of its own, used for nothing else: in practice
 * `sqliteStorage(path)`. What an earlier process left in it is moved first.
 */
export function withSpool(
  primary: Storage,
  spool: Storage,
  { logger = silentLogger, primaryWithinMs = 2_000 }: SpoolOptions = {},
): Storage {
  const route = createRoute();
  const mover = createMover({ primary, spool, route, logger: guarded(logger) });
  let waiting = 0;

  const toPrimary = async (
    event: NewEvent,
    signal?: AbortSignal,
    lease?: LeaseRequest,
  ): Promise<Acceptance> => {
    if (waiting >= mostWaiting) {
      throw new StorageError("unavailable", "Too many events wait for the storage.");
    }
    waiting++;
    try {
      return await acceptWithin(primary, event, primaryWithinMs, signal, lease);
    } finally {
      waiting--;
    }
  };

  const toSpool = async (event: NewEvent): Promise<Acceptance> => {
    const fault = mover.fault();
    if (isMisplaced(fault)) throw fault;
    const kept = await spool.accept(seal(event));
    if (!kept.duplicate) return { ...kept, state: event.state };
    const first = await spool.get(kept.id);
    const opened = first && open(first, event.body);
    await spool.accept(seal(event, kept.id));
    return { ...kept, state: opened?.event.state ?? event.state };
  };

  const accept = async (
    event: NewEvent,
    signal?: AbortSignal,
    lease?: LeaseRequest,
  ): Promise<Acceptance> => {
    signal?.throwIfAborted();
    await route.decided(signal);
    if (route.spooling()) {
      const kept = keep(event);
      try {
        return await within(kept, spoolWithinMs, () => new Error("late"), signal);
      } catch {
        // Out of its turn is better than not at all; stored in both, it is one event all the same.
        return await eitherOf(toPrimary(event, signal), kept);
      }
    }
    const direct = toPrimary(event, signal, lease);
    try {
      return await direct;
    } catch (error) {
      mover.begin(error);
      return await eitherOf(direct, keep(event));
    }
  };

  // Without the caller's signal: what ends the wait for the storage must not end this.
  const keep = (event: NewEvent): Promise<Acceptance> =>
    route.write(() => toSpool(event)).finally(mover.wake);

  mover.start();

  return {
    accept,
    claim: (request) => primary.claim(request),
    renew: (lease, leaseMs) => primary.renew(lease, leaseMs),
    settle: (lease, outcome) => primary.settle(lease, outcome),
    ...(primary.complete && { complete: primary.complete.bind(primary) }),
    ...(primary.onDue && { onDue: primary.onDue.bind(primary) }),
    get: (id) => primary.get(id),
    attempts: (eventId) => primary.attempts(eventId),
    body: (id) => primary.body(id),
    list: (query) => primary.list(query),
    redeliver: (eventId, processors) => primary.redeliver(eventId, processors),
    redrive: (request) => primary.redrive(request),
    countDead: (filter) => primary.countDead(filter),
    deadGroups: (query) => primary.deadGroups(query),
    stats: () => primary.stats(),
    activity: primary.activity,
    expectations: primary.expectations,
    rejections: primary.rejections,
    prune: (request) => primary.prune(request),

    async ping() {
      await route.decided(undefined);
      if (!route.spooling()) {
        try {
          return await pingWithin(primary, pingWithinMs);
        } catch {
          // Then the spool is asked.
        }
      }
      try {
        const fault = mover.fault();
        if (fault !== undefined) throw fault;
        await spool.ping();
        const { pending, running } = (await spool.stats()).deliveries;
        return { spooling: true, spooled: pending + running };
      } catch (error) {
        if (isMisplaced(error)) throw error;
        // Where both fail, the spool's failure is what keeps events from being taken.
        const health = await pingWithin(primary, pingWithinMs).catch(() => Promise.reject(error));
        return { ...health, spooling: true };
      }
    },

    async close() {
      await mover.stop();
      const closing = [primary, spool].map(async (each) => await each.close());
      await Promise.allSettled(closing);
      await Promise.all(closing);
    },
  };
}

/** What the first of the two to succeed says. */
async function eitherOf(
  stored: Promise<Acceptance>,
  spooled: Promise<Acceptance>,
): Promise<Acceptance> {
  try {
    return await Promise.any([stored, spooled]);
  } catch (error) {
    const cause = (error as AggregateError).errors;
    const [storage, spool] = cause.map(describeError);
    throw new StorageError(
      "unavailable",
      `The storage failed (${storage}), and so did the spool (${spool}).`,
      { cause },
    );
  }
}

/** Whether the spool is none, so that nothing is to be put there. */
function isMisplaced(error: unknown): boolean {
  return error instanceof StorageError && error.code === "schema";
}
