const windowMs = 60_000;

/** Which of a client's requests may start when. */
export interface Rate {
  /**
   * Takes the next place.
   *
   * @param now Milliseconds of a clock that only goes forward.
   * @param longestMs How long the caller can wait.
   * @returns When it is its turn; where that is too long for it, no place was taken.
   */
  take(now: number, longestMs: number): number;
  /** Gives back a place that was not used. */
  giveBack(at: number): void;
  /** Lets nothing start before a time. */
  hold(until: number): void;
  /** How long whoever has a place has to wait because of {@linkcode Rate.hold}. */
  held(now: number): number;
}

/**
 * At most so many starts in any minute, first come first served. (A bucket that fills up steadily
 * would allow nearly twice as many in the minute in which it is emptied.)
 */
export function createRate(perMinute: number): Rate {
  /** When those that count were to start, the earliest first. */
  let starts: number[] = [];
  let heldUntil = 0;
  return {
    take(now, longestMs) {
      starts = starts.filter((start) => start > now - windowMs);
      const before = starts[starts.length - perMinute];
      const at = Math.max(now, heldUntil, before === undefined ? now : before + windowMs);
      if (at - now <= longestMs) starts = [...starts, at].sort((one, other) => one - other);
      return at;
    },
    giveBack(at) {
      const index = starts.lastIndexOf(at);
      if (index >= 0) starts.splice(index, 1);
    },
    hold(until) {
      heldUntil = Math.max(heldUntil, until);
    },
    held: (now) => Math.max(0, heldUntil - now),
  };
}
