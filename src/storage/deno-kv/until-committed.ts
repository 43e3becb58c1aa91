import { pause } from "../../deadline.ts";
import { StorageError } from "../storage.ts";
import { classify } from "./classify.ts";

// As long as the SQLite storage waits for another one's lock.
const giveUpAfterMs = 4_000;

/**
 * Tries until nobody else's commit comes between a read and the write that depends on it, and
 * nobody else holds the lock of the file.
 *
 * @param attempt Undefined: another commit came between.
 * @param signal Ends the waiting between two attempts.
 */
export async function untilCommitted<T>(
  attempt: () => Promise<T | undefined>,
  signal?: AbortSignal,
): Promise<T> {
  const giveUpAt = performance.now() + giveUpAfterMs;
  for (let wait = 1;; wait = Math.min(wait * 2, 50)) {
    const result = await attempt().catch(unlessBusy);
    if (result !== undefined) return result;
    if (signal?.aborted || performance.now() > giveUpAt) {
      throw new StorageError("busy", "Deno KV: other writes came first, again and again.");
    }
    await pause(wait * Math.random(), signal);
  }
}

function unlessBusy(error: unknown): undefined {
  const classified = classify(error);
  if (classified.code !== "busy") throw classified;
}
