import type { Storage } from "imggo-webhooks";

/**
 * What a storage is filled with, a millisecond apart:
 * - `pending`: deliveries that are all due;
 * - `worked`: what is there after some weeks. Of 50 patterns; one in 100,000 events is of a rare one,
 *   one in 50 failed, one in 1,000 is quarantined; the deliveries have succeeded, but that one in
 *   1,000 is dead, of one of ten errors, and the last 1,000 are pending.
 */
export type Filling = "pending" | "worked";

/** A storage with so many events, each with a delivery to the processor `a`. */
export interface Filled {
  readonly count: number;
  readonly storage: Storage;
  /** Begins a transaction in another session, which sees what is there now; ends it. */
  holdOpen(): Release | Promise<Release>;
  dispose(): Promise<void>;
}

/** Ends a transaction. */
export type Release = () => void | Promise<void>;

/** Makes one. */
export type Fill = (count: number, filling: Filling) => Promise<Filled>;

/** The columns of the `n`th event, in SQL that both databases understand. */
export function eventSql(filling: Filling, n: string): Readonly<Record<string, string>> {
  const isWorked = filling === "worked";
  const pattern = `CASE WHEN ${n} % 100000 = 99 THEN 'pat_rare' ELSE 'pat_' || (${n} % 50) END`;
  const event = isWorked
    ? `CASE WHEN ${n} % 50 = 1 THEN 'job.failed' ELSE 'job.succeeded' END`
    : "'job.succeeded'";
  return {
    key: `${event} || ':job_' || ${n}`,
    state: isWorked
      ? `CASE WHEN ${n} % 1000 = 7 THEN 'quarantined' ELSE 'accepted' END`
      : "'accepted'",
    event,
    pattern_id: isWorked ? pattern : "NULL",
  };
}

/** The columns of the `n`th delivery of so many; 0 is pending, 2 succeeded, 3 dead. */
export function deliverySql(
  filling: Filling,
  n: string,
  count: number,
): Readonly<Record<string, string>> {
  if (filling === "pending") return { state: "0", last_error: "NULL" };
  return {
    state: `CASE WHEN ${n} % 1000 = 3 THEN 3 WHEN ${n} > ${count - 1_000} THEN 0 ELSE 2 END`,
    last_error: `CASE WHEN ${n} % 1000 = 3
      THEN 'The target answered 50' || (${n} / 1000 % 10) || '.' ELSE NULL END`,
  };
}
