import { within } from "../../deadline.ts";
import { describeError } from "../../describe-error.ts";
import type { Logger } from "../../logger.ts";
import { createLoop } from "../../loop.ts";
import { pingWithin } from "../ping-within.ts";
import type { Storage } from "../storage.ts";
import { batchSize, leaseMs, moveBatch, PrimaryFailed } from "./batch.ts";
import { isTrusted, noExperience } from "./experience.ts";
import { lookFor, pruneAtOnce, pruneMoved } from "./leftovers.ts";
import type { Route } from "./route.ts";
import { moverName } from "./seal.ts";

/** What {@linkcode createMover} works with. */
export interface MoverParts {
  readonly primary: Storage;
  readonly spool: Storage;
  readonly route: Route;
  readonly logger: Logger;
}

/** Moves what is spooled to the storage, and decides when events go there directly again. */
export interface Mover {
  /** Looks what is left, and moves until {@linkcode Mover.stop}. */
  start(): void;
  /** Says that the storage failed: from now on events are spooled. */
  begin(cause: unknown): void;
  /** Says that something was spooled. */
  wake(): void;
  /** Why the spool failed when the mover asked it last; undefined where it did not. */
  fault(): unknown;
  /** Ends it within half a second; what is not moved stays in the spool. */
  stop(): Promise<void>;
}

const pollMs = 1_000;
const firstPauseMs = 50;
const pingWithinMs = 2_000;
const stopWithinMs = 300;

/** Makes a mover. Its timers keep no process alive. */
export function createMover({ primary, spool, route, logger }: MoverParts): Mover {
  const stop = new AbortController();
  const stopping = stop.signal;
  let primaryIs: "up" | "unknown" | "down" = "unknown";
  let experience = noExperience();
  let failures = 0;
  let announced: "nothing" | "leftovers" | "failure" = "nothing";
  let moved = 0;
  let movedSincePrune = 0;
  let fault: unknown;

  const spoolFromNowOn = () => {
    route.begin();
    if (announced === "nothing") moved = 0;
  };
  const announceLeftovers = () => {
    spoolFromNowOn();
    if (announced !== "nothing") return;
    announced = "leftovers";
    logger.warn("events were left in the spool: they are moved first");
  };
  const announceFailure = (cause: unknown) => {
    spoolFromNowOn();
    if (announced === "failure") return;
    announced = "failure";
    logger.error("the storage fails: events are spooled", { error: describeError(cause) });
  };

  const onMoved = () => {
    primaryIs = "up";
    failures = 0;
    moved++;
    movedSincePrune++;
  };

  const pingPrimary = async () => {
    await pingWithin(primary, pingWithinMs, stopping).catch((cause) => {
      throw new PrimaryFailed("The storage does not answer.", { cause });
    });
  };

  /** Sends events to the storage again if nothing waits. Whether to look at once for what does. */
  const tryToEnd = async (writesBefore: number): Promise<boolean> => {
    // Without a moment's rest something would be on its way into the spool at any time.
    route.hold();
    await route.quiet();
    const writes = route.writes();
    if (writes !== writesBefore) return true;
    const { waiting, setAside } = await lookFor(spool);
    movedSincePrune = 0;
    if (waiting) {
      // Another process holds it, or one that was killed did: until its lease ends.
      announceLeftovers();
      return false;
    }
    if (!route.end(writes)) return true;
    if (announced !== "nothing") {
      logger.info("the storage is back: what was spooled is moved", { moved, set_aside: setAside });
    }
    announced = "nothing";
    experience = noExperience();
    return false;
  };

  /** Moves some of what is spooled. Whether to go on at once. */
  const step = async (): Promise<boolean> => {
    if (announced !== "nothing" && primaryIs !== "up") await pingPrimary();
    const writes = route.writes();
    const claimedAt = performance.now();
    const request = { processors: [moverName], limit: batchSize, leaseMs };
    // To give up on an event would be to lose it.
    const { claims } = await spool.claim({ ...request, maxAttempts: Number.MAX_SAFE_INTEGER });
    if (claims.length === 0) return route.spooling() && await tryToEnd(writes);
    announceLeftovers();
    if (claims.length < batchSize) route.hold();
    else if (isTrusted(experience)) route.slow();
    else route.resume();
    await moveBatch(claims, claimedAt, { primary, spool, logger, onMoved, experience, stopping });
    if (movedSincePrune >= pruneAtOnce) {
      movedSincePrune = 0;
      await pruneMoved(spool);
    }
    return true;
  };

  const loop = createLoop(async () => {
    try {
      while (!stopping.aborted && await step());
      fault = undefined;
    } catch (error) {
      if (!(error instanceof PrimaryFailed)) {
        fault = error;
        throw error;
      }
      fault = undefined;
      // What was broken off says nothing of the storage.
      if (stopping.aborted) return;
      primaryIs = "down";
      announceFailure(error.cause);
      tryAgain();
    } finally {
      route.resume();
    }
  }, {
    pollMs,
    onFailure: (error) => logger.error("the spool fails", { error: describeError(error) }),
    onRecovery: () => logger.info("the spool works again"),
  });

  /** Soon at first, then less and less often, in the end as often as the loop does by itself. */
  const tryAgain = () => {
    const afterMs = firstPauseMs * 2 ** failures++ * (0.5 + Math.random());
    if (afterMs > pollMs) return;
    const timer = setTimeout(loop.wake, afterMs);
    (timer as { unref?: () => void }).unref?.();
  };

  return {
    start: loop.start,
    begin(cause) {
      if (announced === "nothing") primaryIs = "unknown";
      announceFailure(cause);
    },
    wake() {
      // While it is down the mover asks it about once a second, however much is spooled.
      if (primaryIs !== "down") loop.wake();
    },
    fault: () => fault,
    async stop() {
      stop.abort();
      const late = () => new Error("late");
      await within(loop.stop(), stopWithinMs, late).catch(() => {});
    },
  };
}
