import type { WebhookEvent } from "../event.ts";
import type { Logger } from "../logger.ts";

/**
 * What is to be done with an event. It runs at least once for every event, one attempt at a time,
 * and after a success never again. Returning is success; throwing is failure:
 * {@linkcode RetryLater} names the delay itself, {@linkcode PermanentError} gives up at once, and
 * anything else is tried again with exponential backoff until the last attempt.
 */
export interface Processor {
  (event: WebhookEvent, context: ProcessorContext): unknown;
  /** Whether it runs inside the transaction that ends its delivery: see `transactional`. */
  readonly transactional?: true;
}

/** What a processor is told beside the event. */
export interface ProcessorContext {
  /** The event's id, the same in every attempt: a good idempotency key. */
  readonly id: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /**
   * A number that grows with every attempt, even after one whose process died. Hand it on to what
   * can refuse a smaller one, so that a stalled attempt which comes back late changes nothing.
   */
  readonly fence: number;
  /** Aborts when the time is up, the lease is lost or the process stops. Pass it to `fetch`. */
  readonly signal: AbortSignal;
  /** When the request came. */
  readonly receivedAt: Date;
  /** Logs with the event's id, the processor's name and the attempt in each line. */
  readonly log: Logger;
}

// The two are told apart by name, not by class: a configuration file may import
// another copy of this package than the one that runs it.

/** Throw it in a processor to be run again after a delay of your choice. The attempt counts. */
export class RetryLater extends Error {
  /** Tells it apart, also from that of another copy of this package. */
  override readonly name = "RetryLater";
  /** The delay in milliseconds. */
  readonly afterMs: number;

  /**
   * Makes what asks for a delay.
   *
   * @param afterMs The delay in milliseconds: not negative, 24 days at the most.
   */
  constructor(afterMs: number, message = "Asked to be run again later.", options?: ErrorOptions) {
    if (!(afterMs >= 0 && afterMs <= maxRetryDelayMs)) {
      throw new RangeError(
        `RetryLater expects 0 to ${maxRetryDelayMs} milliseconds, got ${afterMs}`,
      );
    }
    super(message, options);
    this.afterMs = afterMs;
  }
}

/** The longest delay that a processor may ask for, in milliseconds: 24 days. */
export const maxRetryDelayMs: number = 24 * 24 * 3_600_000;

/** Throw it in a processor when no further attempt can succeed: the delivery is dead at once. */
export class PermanentError extends Error {
  /** Tells it apart, also from that of another copy of this package. */
  override readonly name = "PermanentError";
}

/** What is wrong with named processors: a sentence each, which begins with the name. */
export function processorProblems(processors: unknown): string[] {
  if (typeof processors !== "object" || processors === null || Array.isArray(processors)) {
    return ["processors: expected an object of functions, by name"];
  }
  return Object.entries(processors).flatMap(([name, processor]) => {
    if (typeof processor !== "function") return [`processors.${name}: expected a function`];
    // A name is stored with each delivery.
    if (!/^[\w. -]{1,100}$/.test(name)) {
      return [`processors.${JSON.stringify(name)}: expected a name of letters, digits, . _ -`];
    }
    return [];
  });
}
