import { within } from "../../deadline.ts";

/** Which way events take: to the storage first, or to the spool first. */
export interface Route {
  /** Whether they go to the spool first. At first they do: it is not known what is left there. */
  spooling(): boolean;
  /** Sends them to the spool from now on. */
  begin(): void;
  /** Resolves when it is known which way to take; soon in any case, or when the signal aborts. */
  decided(signal: AbortSignal | undefined): Promise<void>;
  /** Writes to the spool. From the call on it is counted. */
  write<T>(work: () => Promise<T>): Promise<T>;
  /** How many writes have begun so far. */
  writes(): number;
  /** Resolves once no write is under way. */
  quiet(): Promise<void>;
  /** Lets new events wait a moment for the decision, so that what is left can become nothing. */
  hold(): void;
  /** Lets new events come a little slower than what is left is moved, however many would come. */
  slow(): void;
  /** Ends {@linkcode Route.hold} and {@linkcode Route.slow}. */
  resume(): void;
  /**
   * Sends events to the storage again, unless one was written to the spool since there had been so
   * many writes. False: one was.
   */
  end(writes: number): boolean;
}

// An answer may wait so long for the last of a spool to be moved.
const longestHoldMs = 1_000;
const slowedByMs = 100;

/** Makes a route. It begins undecided: {@linkcode Route.hold} holds. */
export function createRoute(): Route {
  let spooling = true;
  let begun = 0;
  let underWay = 0;
  let onQuiet = Promise.withResolvers<void>();
  let held: PromiseWithResolvers<void> | undefined = Promise.withResolvers();
  let waitMs = longestHoldMs;

  const late = () => new Error("late");

  return {
    spooling: () => spooling,
    begin() {
      spooling = true;
    },
    async decided(signal) {
      if (held) await within(held.promise, waitMs, late, signal).catch(() => {});
    },
    async write(work) {
      begun++;
      underWay++;
      try {
        return await work();
      } finally {
        underWay--;
        if (underWay === 0) {
          onQuiet.resolve();
          onQuiet = Promise.withResolvers();
        }
      }
    },
    writes: () => begun,
    async quiet() {
      if (underWay > 0) await onQuiet.promise;
    },
    hold() {
      waitMs = longestHoldMs;
      held ??= Promise.withResolvers();
    },
    slow() {
      waitMs = slowedByMs;
      held ??= Promise.withResolvers();
    },
    resume() {
      held?.resolve();
      held = undefined;
    },
    end(writes) {
      if (writes !== begun || underWay > 0) return false;
      spooling = false;
      return true;
    },
  };
}
