/** How many more deliveries than can run at once are worth claiming: those that run soon all the same. */
export interface Lookahead {
  /** The number, for now. */
  size(): number;
  /** Learns how long an attempt had its place, in milliseconds. */
  learn(tookMs: number): void;
  /** Begins anew at 0: something goes wrong, and what is held then may go down with it. */
  reset(): void;
}

// None waits much longer than this, also where processors block the thread one after another.
const withinMs = 25;
// So many bodies wait in memory at the most.
const most = 64;
// Attempts to be seen before it goes by how long they took.
const enough = 20;

/**
 * Makes one. Where processors end at once, claiming no more than run at once is what takes the time:
 * a round trip, or a commit, for each few of them. Where they take long nothing is claimed ahead, so
 * that it is free for other processes.
 */
export function createLookahead(): Lookahead {
  let typicalMs = 0;
  let seen = 0;

  return {
    size: () =>
      seen < enough ? 0 : Math.min(most, Math.floor(withinMs / Math.max(typicalMs, 0.01))),
    learn(tookMs) {
      seen++;
      // A slow one counts at once, quick ones by and by.
      typicalMs = Math.max(tookMs, typicalMs * 0.95 + tookMs * 0.05);
    },
    reset() {
      seen = 0;
    },
  };
}
