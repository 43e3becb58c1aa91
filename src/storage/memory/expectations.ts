// The contract is asynchronous and a Map is not; `async` makes a failure a rejection.
// deno-lint-ignore-file require-await
import type { Expectation, Expectations } from "../expectations.ts";
import type { StorageStats } from "../storage.ts";

/** Expectations in memory, and what the storage does with them. */
export interface MemoryExpectations {
  readonly expectations: Expectations;
  /** The job's end is there. */
  fulfil(jobId: string): void;
  count(): StorageStats["expectations"];
}

/**
 * Keeps expectations in memory.
 *
 * @param isEnded Whether the end of a job is stored.
 */
export function createExpectations(
  now: () => number,
  isEnded: (jobId: string) => boolean,
): MemoryExpectations {
  const byJob = new Map<string, Expectation>();

  return {
    expectations: {
      async add({ jobId, patternId, withinMs }) {
        if (isEnded(jobId)) return "fulfilled";
        const known = byJob.get(jobId);
        const deadlineAt = Math.min(known?.deadlineAt ?? Infinity, Math.ceil(now() + withinMs));
        // Who is asking now is not disturbed, and who has asked keeps to when to ask again.
        const isAsking = known !== undefined && known.asked > 0 && known.askAt !== null;
        byJob.set(jobId, {
          jobId,
          patternId: known?.patternId ?? patternId,
          deadlineAt,
          asked: known?.asked ?? 0,
          askAt: isAsking ? known.askAt : deadlineAt,
          lastError: known?.lastError ?? null,
        });
        return "waiting";
      },

      async claim({ limit, leaseMs }) {
        const due = [...byJob.values()]
          .filter(({ askAt }) => askAt !== null && askAt <= now())
          .sort((a, b) => Number(a.askAt) - Number(b.askAt))
          .slice(0, limit)
          .map((each) => ({ ...each, asked: each.asked + 1, askAt: Math.ceil(now() + leaseMs) }));
        for (const each of due) byJob.set(each.jobId, each);
        return due.map((each) => ({ ...each }));
      },

      async postpone(jobId, { afterMs, error }) {
        const known = byJob.get(jobId);
        if (known === undefined) return;
        const askAt = afterMs === null ? null : Math.ceil(now() + afterMs);
        byJob.set(jobId, { ...known, askAt, lastError: error });
      },

      async list({ limit, cursor }) {
        const position = ({ deadlineAt, jobId }: Expectation) =>
          JSON.stringify([deadlineAt, jobId]);
        const after: [number, string] = JSON.parse(cursor ?? '[-1,""]');
        const rest = [...byJob.values()]
          .sort((a, b) => a.deadlineAt - b.deadlineAt || (a.jobId < b.jobId ? -1 : 1))
          .filter(({ deadlineAt, jobId }) =>
            deadlineAt > after[0] || deadlineAt === after[0] && jobId > after[1]
          );
        const page = rest.slice(0, limit);
        const last = rest.length > limit ? page.at(-1) : undefined;
        return {
          expectations: page.map((each) => ({ ...each })),
          nextCursor: last ? position(last) : null,
        };
      },
    },

    fulfil(jobId) {
      byJob.delete(jobId);
    },

    count() {
      const overdue = [...byJob.values()].filter(({ deadlineAt }) => deadlineAt <= now()).length;
      return { waiting: byJob.size - overdue, overdue };
    },
  };
}
