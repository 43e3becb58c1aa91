import type { Expectation } from "../expectations.ts";
import { count } from "./counts.ts";
import { jobOf, keys } from "./keys.ts";
import type { DenoKvAtomic, DenoKvEntry, DenoKvKey } from "./kv.ts";

/**
 * Adds to a commit that a job's end is there.
 *
 * @param entry Of the {@linkcode Expectation}, if there is one.
 * @returns Whether the job was awaited.
 */
export function fulfil(atomic: DenoKvAtomic, entry: DenoKvEntry): boolean {
  // Also where there is none: one may be added meanwhile.
  atomic.check(entry);
  if (entry.value === null) return false;
  for (const key of expectationIndex(entry.key, entry.value as Expectation)) atomic.delete(key);
  atomic.delete(entry.key);
  count(atomic, { expectations: -1 });
  return true;
}

/** The keys by which an expectation is found. */
export function expectationIndex(
  key: DenoKvKey,
  { deadlineAt, askAt }: Expectation,
): readonly DenoKvKey[] {
  const jobId = jobOf(key);
  const deadline = keys.deadline(deadlineAt, jobId);
  return askAt === null ? [deadline] : [deadline, keys.ask(askAt, jobId)];
}
