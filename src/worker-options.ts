import type { BackoffOptions } from "./backoff.ts";

/** How many attempts run at once unless it is said. */
export const defaultConcurrency = 10;

/** How long a lease holds unless it is said, in milliseconds. */
export const defaultLeaseMs = 15_000;

/** How deliveries are worked through. */
export interface WorkerOptions {
  /** How many attempts run at once, in the loop and in each drain. Default 10. */
  readonly concurrency?: number;
  /** How often a delivery is run before it is dead. Default 8. */
  readonly maxAttempts?: number;
  /**
   * How long the waits between attempts are. Default up to 2 s after the first, four times as much
   * after each further one, up to an hour: eight attempts last 53 minutes on average, and at the
   * most 1 h 46 min.
   */
  readonly backoff?: BackoffOptions;
  /** How long an attempt may take before it is aborted, in milliseconds. Default 60,000. */
  readonly timeoutMs?: number;
  /**
   * How long a delivery stays with a process that does not say it is alive, in milliseconds.
   * Default 15,000. It is renewed while an attempt runs; after a kill this is the wait.
   */
  readonly leaseMs?: number;
  /**
   * How often the storage is asked for what is due, in milliseconds. Default 1,000. An event that
   * this process accepted starts at once.
   */
  readonly pollMs?: number;
}

/** The longest delay of a timer, in milliseconds: 24 days. A longer one fires at once. */
export const longestTimer: number = 2 ** 31 - 1;

const isWhole = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 1;
const isTimer = (value: unknown) => Number(value) >= 1 && Number(value) <= longestTimer;
const isDelay = (value: unknown) => Number(value) >= 0 && Number(value) <= longestTimer;

type OptionForm = readonly [fits: (value: unknown) => boolean, expected: string];

const whole: OptionForm = [isWhole, "a whole number of at least 1"];
const timer: OptionForm = [isTimer, `1 to ${longestTimer} milliseconds`];
const delay: OptionForm = [isDelay, `0 to ${longestTimer} milliseconds`];

const optionForms: ReadonlyMap<string, OptionForm> = new Map([
  ["concurrency", whole],
  ["maxAttempts", whole],
  ["timeoutMs", timer],
  ["leaseMs", timer],
  ["pollMs", timer],
  ["backoff.firstMs", delay],
  ["backoff.maxMs", delay],
]);

/** What is wrong with a worker's options: a sentence each, which begins with the option's name. */
export function workerProblems(worker: WorkerOptions): string[] {
  for (const [name, value] of [["worker", worker], ["worker.backoff", worker?.backoff ?? {}]]) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return [`${name}: expected an object`];
    }
  }
  const { backoff, ...options } = worker;
  const given = Object.entries({
    ...options,
    ...Object.fromEntries(
      Object.entries(backoff ?? {}).map(([name, value]) => [`backoff.${name}`, value]),
    ),
  });
  return given.flatMap(([name, value]) => {
    const [fits, expected] = optionForms.get(name) ??
      [() => false, `no such option, but one of ${[...optionForms.keys()].join(", ")}`];
    if (value === undefined || (typeof value === "number" && fits(value))) return [];
    return [`worker.${name}: expected ${expected}, got ${value}`];
  });
}
