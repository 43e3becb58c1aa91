import { within } from "../deadline.ts";
import type { Logger } from "../logger.ts";
import type { Expectation } from "../storage/expectations.ts";
import type { Storage } from "../storage/storage.ts";
import { type Asked, type Asker, askLeaseMs } from "./ask.ts";
import { type Failure, isObstacle } from "./failure.ts";
import { afterFailure, afterRunning, type NextAsk } from "./next-ask.ts";

/** Asks for the jobs whose time has come. */
export interface Due {
  /** Whether asking is in vain just now, for any job. */
  isPaused(): boolean;
  /**
   * Asks for one after another, until none is due, the signal aborts or a request has failed for a
   * reason that every other one would meet. What the signal breaks off is due again at once.
   *
   * @param most For how many.
   */
  ask(
    asker: Asker,
    signal: AbortSignal,
    most: number,
    onAsked: (jobId: string, asked: Asked) => void,
  ): Promise<void>;
}

// What is claimed later than this has lost much of its lease; what is not postponed comes again at
// its end.
const storageWithinMs = 15_000;
const unavailableMs = 60_000;
const noAnswer = () => new Error("The storage does not answer.");

export function createDue(storage: Storage, logger: Logger): Due {
  /** By the steady clock. */
  let pausedUntil = -Infinity;
  /** What has failed last, while it still does. */
  let trouble: Failure["kind"] | undefined;

  const claim = async (): Promise<Expectation | undefined> => {
    // One: the next may have to wait for a long time, as ImgGo allows few requests.
    const claiming = storage.expectations.claim({ limit: 1, leaseMs: askLeaseMs });
    const [claimed] = await within(claiming, storageWithinMs, noAnswer);
    return claimed;
  };

  // Whoever waited for ever would never ask again.
  const postpone = async (jobId: string, next: NextAsk): Promise<void> => {
    await within(storage.expectations.postpone(jobId, next), storageWithinMs, noAnswer);
  };

  const noteAnswer = () => {
    if (trouble !== undefined) logger.info("ImgGo answers again");
    trouble = undefined;
  };

  const noteFailure = ({ jobId, lastError }: Expectation, failure: Failure, isGivenUp: boolean) => {
    const { kind, message: error } = failure;
    const fields = { job_id: jobId, error };
    if (isGivenUp) logger.warn("given up: ImgGo knows no such job", fields);
    if (kind === "unreadable" && error !== lastError) {
      logger.warn("what ImgGo says of a job cannot be read, and is asked for again", fields);
    }
    // Once, not for each job that is missing.
    if (!isObstacle(failure) || kind === trouble) return;
    trouble = kind;
    if (kind === "denied") logger.error("ImgGo refuses to tell of jobs: nobody asks now", fields);
    else logger.warn("ImgGo was asked in vain, and is asked again", fields);
  };

  /** Writes down when to ask again. Of a job whose end was stored there is nothing to write. */
  const conclude = async (
    expectation: Expectation,
    asked: Asked,
    signal: AbortSignal,
  ): Promise<void> => {
    const { jobId, lastError } = expectation;
    if (asked.outcome === "running") {
      noteAnswer();
      await postpone(jobId, afterRunning(expectation));
    } else if (asked.outcome !== "failed") {
      noteAnswer();
      if (asked.outcome === "known" || asked.jobId === jobId) return;
      // What was stored has ended an expectation of the id as ImgGo writes it, and not this one.
      const error = `Given up: ImgGo writes this id in another way, as ${asked.eventId} has it.`;
      await postpone(jobId, { afterMs: null, error });
    } else if (signal.aborted) {
      await postpone(jobId, { afterMs: 0, error: lastError });
    } else {
      const { failure } = asked;
      const next = afterFailure(expectation, failure);
      noteFailure(expectation, failure, next.afterMs === null);
      if (isObstacle(failure)) {
        const pause = failure.kind === "unavailable" ? unavailableMs : next.afterMs ?? 0;
        pausedUntil = performance.now() + pause;
      }
      await postpone(jobId, next);
    }
  };

  return {
    isPaused: () => performance.now() < pausedUntil,
    async ask(asker, signal, most, onAsked) {
      for (let count = 0; count < most && !signal.aborted; count++) {
        const expectation = await claim();
        if (expectation === undefined) return;
        const { jobId } = expectation;
        const asked = await asker.ask(jobId, signal);
        await conclude(expectation, asked, signal);
        onAsked(jobId, asked);
        if (asked.outcome === "failed" && isObstacle(asked.failure)) return;
      }
    },
  };
}
