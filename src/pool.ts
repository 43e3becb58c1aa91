import type { AttemptResult, AttemptRun } from "./attempt.ts";
import type { WebhookEvent } from "./event.ts";
import type { Lookahead } from "./lookahead.ts";
import type { Claim } from "./storage/storage.ts";

/**
 * Deliveries that are held and run together: those of the loop, or of one drain. Made where it is
 * used: on Workers nothing of one request may be touched in another, not even a signal.
 */
export interface Pool {
  /** Aborts what runs: it is given back. */
  readonly interruption: AbortController;
  /** How many more it can take. */
  room(): number;
  /** Whether fewer are held than can run at once. */
  hungers(): boolean;
  /** Keeps room for so many; returns what gives it back, once. */
  reserve(count: number): () => void;
  /** Runs what was claimed, as soon as there is a place. */
  run(held: readonly Held[]): void;
  /** Gives back what did not begin, and all that still comes. */
  stop(): void;
  /** Resolves when one more attempt has ended. */
  next(): Promise<void>;
  /** Whether nothing is held. */
  isEmpty(): boolean;
  /** Resolves when nothing is held, and no room is kept. */
  idle(): Promise<void>;
}

/** A claim of this process. */
export interface Held {
  readonly claim: Claim;
  /** The steady clock before the claim. */
  readonly claimedAt: number;
  /** The event, where it was parsed and nobody else has it. */
  readonly event?: WebhookEvent | undefined;
}

/** What {@linkcode createPool} takes. */
export interface PoolOptions {
  /** How many run at once. */
  readonly concurrency: number;
  /** How long one may wait for a place, in milliseconds. Then it is given back. */
  readonly patienceMs: number;
  readonly lookahead?: Lookahead;
  /** Runs one. It never rejects. */
  readonly attempt: (held: Held, run: AttemptRun) => Promise<AttemptResult>;
  /** Is told when a place is free that nobody waited for. */
  readonly onFree?: () => void;
  /** Is told how each ended. */
  readonly onEnd: (result: AttemptResult) => void;
}

/** Makes a pool. */
export function createPool(
  { concurrency, patienceMs, lookahead, attempt, onFree, onEnd }: PoolOptions,
): Pool {
  const interruption = new AbortController();
  const waiting: Held[] = [];
  // Also what has run and is being recorded.
  const underWay = new Set<Promise<void>>();
  let running = 0;
  let reserved = 0;
  let stopped = false;
  let onChange = Promise.withResolvers<void>();

  const changed = () => {
    onChange.resolve();
    onChange = Promise.withResolvers();
  };

  const start = (held: Held, stop: AbortSignal): void => {
    running++;
    const startedAt = performance.now();
    let isPlaced = true;
    const leave = () => {
      if (!isPlaced) return;
      isPlaced = false;
      running--;
      if (!stop.aborted) lookahead?.learn(performance.now() - startedAt);
      fill();
      if (waiting.length === 0) onFree?.();
    };
    const { claimedAt } = held;
    const ended = attempt(held, { stop, claimedAt, onProcessed: leave }).then((result) => {
      underWay.delete(ended);
      leave();
      onEnd(result);
      changed();
    });
    underWay.add(ended);
  };

  const fill = (): void => {
    while (waiting.length > 0 && (running < concurrency || stopped)) {
      const held = waiting.shift() as Held;
      start(held, stopped ? AbortSignal.abort() : interruption.signal);
    }
  };

  let patience: ReturnType<typeof setTimeout> | undefined;
  const watchWaiting = (): void => {
    if (waiting.length === 0 || patience !== undefined) return;
    patience = setTimeout(() => {
      patience = undefined;
      const since = performance.now() - patienceMs;
      const late = waiting.filter(({ claimedAt }) => claimedAt <= since);
      waiting.splice(0, waiting.length, ...waiting.filter((held) => !late.includes(held)));
      if (late.length > 0) lookahead?.reset();
      for (const held of late) start(held, AbortSignal.abort());
      watchWaiting();
    }, patienceMs);
    // On Node.js and Bun a receiver alone does not keep a process alive.
    (patience as { unref?: () => void }).unref?.();
  };

  return {
    interruption,
    room() {
      const most = concurrency + (lookahead?.size() ?? 0);
      const held = waiting.length + reserved;
      return Math.max(0, Math.min(most - running - held, 2 * most - underWay.size - held));
    },
    hungers: () => running + waiting.length + reserved < concurrency,
    reserve(count) {
      reserved += count;
      let isKept = true;
      return () => {
        if (!isKept) return;
        isKept = false;
        reserved -= count;
        changed();
      };
    },
    run(held) {
      // Perhaps one of them took its process with it, and all that this held.
      if (held.some(({ claim }) => claim.attempt > 1)) lookahead?.reset();
      waiting.push(...held);
      fill();
      watchWaiting();
    },
    stop() {
      stopped = true;
      clearTimeout(patience);
      fill();
    },
    next: () => onChange.promise,
    isEmpty: () => underWay.size + waiting.length === 0,
    async idle() {
      while (underWay.size + waiting.length + reserved > 0) await onChange.promise;
    },
  };
}
