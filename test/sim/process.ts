import type { Receiver } from "../../src/receiver.ts";
import type { Role } from "../../src/role.ts";
import type { Storage } from "../../src/storage/storage.ts";
import type { Owner } from "./schedule.ts";

/** A process that runs a receiver. */
export interface Process extends Owner {
  readonly machine: Machine;
  /** The calls to storages that are not done yet. */
  readonly underWay: Set<{ readonly isLocal: boolean; isCut: boolean }>;
  /** How many requests have no answer yet. */
  requests: number;
  /** Undefined until it has started. */
  receiver: Receiver | undefined;
  close: (() => Promise<void>) | undefined;
  /** How long it was stopped so far, or until now: answers are late by as much. */
  stoppedMs: number;
  /** Whether it takes no more requests. */
  isEnding: boolean;
  /** SIGKILL: it is gone at once, and what it had in memory with it. */
  kill(): void;
  /** SIGSTOP, and SIGCONT after so many milliseconds. */
  stopFor(milliseconds: number): void;
}

/** Where one process runs after another. */
export interface Machine {
  readonly index: number;
  readonly role: Role;
  /** Its spool, which survives processes. Undefined: none. */
  spool: Storage | undefined;
  clockOffsetMs: number;
  /** Undefined while none runs. */
  process: Process | undefined;
  /** How many there were. */
  processes: number;
}
