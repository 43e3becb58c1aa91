import { setImmediate } from "node:timers";
import { pause } from "../../deadline.ts";
import { StorageError } from "../storage.ts";

/** A write that waits for its commit. */
interface Waiting<Context> {
  readonly work: (context: Context) => unknown;
  readonly signal: AbortSignal | undefined;
  /** The steady clock after which it waits no longer for another process's lock. */
  readonly giveUpAt: number;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/** What {@linkcode createGroupCommit} takes. */
export interface GroupCommitOptions<Context> {
  /** Runs a function as one transaction, at once; throws a {@linkcode StorageError}. */
  readonly transact: <T>(work: (context: Context) => T) => T;
  /** How long a write waits for another process's lock, in milliseconds. */
  readonly busyTimeoutMs: number;
}

// So many share a commit at the most, and so long they are waited for.
const maxGroup = 256;
const gatherMs = 50;

/**
 * Lets writes that come together share a commit, and with it the disk's sync, which costs more than
 * all of them. Each resolves when it is committed. One that fails fails alone; the others are run
 * again without it.
 *
 * SQLite waits for a lock by blocking the thread, and with it every other request; so it is told
 * not to wait, and the waiting is done here.
 */
export function createGroupCommit<Context>(
  { transact, busyTimeoutMs }: GroupCommitOptions<Context>,
): <T>(work: (context: Context) => T, signal?: AbortSignal) => Promise<T> {
  let waiting: Waiting<Context>[] = [];
  let flushing = false;

  const flush = async (): Promise<void> => {
    for (let wait = 2; waiting.length > 0;) {
      await gather();
      const group = waiting.slice(0, maxGroup);
      const error = commit(group);
      if (error === undefined) {
        waiting = waiting.slice(group.length);
        wait = 2;
      } else {
        waiting = waiting.filter((each) => !isLate(each) || each.reject(error));
        await pause(wait * (0.5 + Math.random()));
        wait = Math.min(wait * 2, 50);
      }
    }
    flushing = false;
  };

  /**
   * A commit blocks the thread: what came meanwhile is still to be read, and shares the next one. So
   * that one waits as long as each turn of the event loop brings more.
   */
  const gather = async (): Promise<void> => {
    const until = performance.now() + gatherMs;
    let known: number;
    do {
      known = waiting.length;
      await nextTurn();
    } while (waiting.length > known && waiting.length < maxGroup && performance.now() < until);
  };

  /** Commits a group and settles each of it. An error: another process holds the lock. */
  const commit = (group: readonly Waiting<Context>[]): StorageError | undefined => {
    try {
      const results = transact((context) => group.map(({ work }) => work(context)));
      group.forEach(({ resolve }, index) => resolve(results[index] as never));
    } catch (error) {
      if (error instanceof StorageError && error.code === "busy") return error;
      const [first, ...more] = group;
      if (more.length === 0) first?.reject(error);
      else return commitEach(group);
    }
    return undefined;
  };

  const commitEach = (group: readonly Waiting<Context>[]): StorageError | undefined => {
    for (const [index, each] of group.entries()) {
      const error = commit([each]);
      if (error === undefined) continue;
      // What is settled must not be run again.
      waiting = waiting.filter((other) => !group.slice(0, index).includes(other));
      return error;
    }
    return undefined;
  };

  const isLate = ({ signal, giveUpAt }: Waiting<Context>) =>
    signal?.aborted || performance.now() > giveUpAt;

  return (work, signal) =>
    new Promise((resolve, reject) => {
      const giveUpAt = performance.now() + busyTimeoutMs;
      waiting.push({ work, signal, giveUpAt, resolve, reject });
      if (flushing) return;
      flushing = true;
      void flush();
    });
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
