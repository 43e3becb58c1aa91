import type { StoredEvent } from "imggo-webhooks";

/** What the run came to, of what was promised. */
export interface Verdict {
  /** Jobs whose event was answered 200. */
  readonly acknowledged: number;
  readonly stored: number;
  /** Stored, though their sender had no answer. */
  readonly unacknowledged: number;
  readonly succeeded: number;
  /** Given up, as their processor asked for. */
  readonly dead: number;
  /** Runs beyond the first one of a job: after a kill, a failure, a lost lease. */
  readonly repeatedRuns: number;
  /** Answered 200, and not there, or under another id, or not processed: each in a sentence. */
  readonly lost: readonly string[];
  /** Stored twice, or run again after its success was recorded. */
  readonly twice: readonly string[];
}

/** Keeps account of each job: what its sender was told, and what was run. */
export interface Ledger {
  /** A request of this job was answered 200 with this id. */
  acknowledge(job: number, id: string): void;
  /** The id under which each job's event was answered 200. */
  readonly acknowledged: ReadonlyMap<number, string>;
  /** A processor begins a job. */
  begin(job: number, id: string): void;
  /** The success of an event's delivery was recorded. */
  succeed(id: string): void;
  /** Compares it with all that is stored. */
  judge(stored: AsyncIterable<StoredEvent> | Iterable<StoredEvent>): Promise<Verdict>;
}

/** Jobs whose processor gives up on purpose. */
export const isHopeless = (job: number): boolean => job % 1_000 === 999;

export function createLedger(): Ledger {
  const ids = new Map<number, string>();
  const begun = new Map<string, number>();
  const succeeded = new Set<number>();
  const lost: string[] = [];
  const twice: string[] = [];
  let repeatedRuns = 0;
  const runs = new Set<number>();

  return {
    acknowledged: ids,
    acknowledge(job, id) {
      const known = ids.get(job);
      if (known !== undefined && known !== id) twice.push(`job ${job}: acknowledged under two ids`);
      ids.set(job, id);
    },
    begin(job, id) {
      if (succeeded.has(job)) twice.push(`job ${job}: run again after its success`);
      if (runs.has(job)) repeatedRuns++;
      runs.add(job);
      begun.set(id, job);
    },
    succeed(id) {
      const job = begun.get(id);
      if (job === undefined) return;
      begun.delete(id);
      succeeded.add(job);
    },
    async judge(stored) {
      const idsStored = new Map<number, string>();
      const counts = { succeeded: 0, dead: 0, unacknowledged: 0 };
      for await (const { id, jobId, deliveries } of stored) {
        const job = Number(jobId);
        if (idsStored.has(job)) twice.push(`job ${job}: stored twice`);
        idsStored.set(job, id);
        if (!ids.has(job)) counts.unacknowledged++;
        const state = deliveries[0]?.state;
        if (state === "succeeded" || state === "dead") counts[state]++;
        if (state !== (isHopeless(job) ? "dead" : "succeeded")) {
          lost.push(`job ${job}: its delivery ended as ${state}`);
        }
      }
      for (const [job, id] of ids) {
        if (idsStored.get(job) !== id) lost.push(`job ${job}: answered 200, and not stored`);
      }
      return {
        acknowledged: ids.size,
        stored: idsStored.size,
        ...counts,
        repeatedRuns,
        lost,
        twice,
      };
    },
  };
}
