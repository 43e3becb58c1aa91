import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";

/** What everything in a simulation shares. */
export interface World {
  readonly schedule: Schedule;
  /** By which faults are chosen. */
  readonly random: Random;
  /** Whether faults have stopped. */
  calm(): boolean;
  /** Counts that something was hit, so that it can be seen what a run covers. */
  hit(what: string): void;
  /** Writes a line of what happened, where someone reads it. */
  log(who: string, what: () => string): void;
  /** Ends the run: a promise was broken. Only the first one counts. */
  broken(promise: string): void;
}
