/** Which dead deliveries are meant: those to which all that is given applies. */
export interface DeadFilter {
  /** Those of this processor. */
  readonly processor?: string;
  /** The error that they died of, exactly. */
  readonly error?: string;
  /** The event's name, such as `job.succeeded`. */
  readonly event?: string;
  /** Those of this pattern. */
  readonly patternId?: string;
  /** Given up then or later, in milliseconds since 1970. */
  readonly deadAfter?: number;
  /** Given up before then. */
  readonly deadBefore?: number;
}

/** Dead deliveries of one processor that died of the same error. */
export interface DeadGroup {
  /** The processor's name. */
  readonly processor: string;
  /** The error that they died of. */
  readonly error: string;
  /** How many they are. */
  readonly count: number;
  /** When the last of them died, in milliseconds since 1970. */
  readonly lastEndedAt: number;
  /** The event of the one that died last. */
  readonly lastEventId: string;
}
