import type { NewEvent } from "../storage.ts";
import { count } from "./counts.ts";
import { keysOfEvent } from "./keys.ts";
import { getAll } from "./get-all.ts";
import type { DenoKv, DenoKvAtomic, DenoKvEntry } from "./kv.ts";
import { type EventTexts, type JobRecord, maxFailures, type StatusRecord } from "./records.ts";

const none: JobRecord = { ends: 0, succeeded: 0, failed: [] };

/**
 * Enters an accepted event among those of its job, and supersedes what it has to.
 *
 * @param entry The job's.
 * @returns Whether the event itself is superseded.
 */
export async function enterJob(
  kv: DenoKv,
  atomic: DenoKvAtomic,
  { id, event }: NewEvent,
  entry: DenoKvEntry,
): Promise<boolean> {
  const job = (entry.value ?? none) as JobRecord;
  const ends = job.ends + 1;
  atomic.check(entry);
  if (event === "job.succeeded") {
    await supersede(kv, atomic, job.failed);
    const changed: JobRecord = { ends, succeeded: job.succeeded + 1, failed: [] };
    atomic.set(entry.key, changed);
    return false;
  }
  const isLate = event === "job.failed" && job.succeeded > 0;
  const failed = event === "job.failed" && !isLate
    ? [...job.failed, id].slice(-maxFailures)
    : job.failed;
  atomic.set(entry.key, { ...job, ends, failed } satisfies JobRecord);
  return isLate;
}

/**
 * Supersedes events. Their deliveries that are withdrawn by it stop to count; whoever comes upon one
 * of them, as it is due or dead, removes it: there may be more than a commit has room for.
 */
async function supersede(
  kv: DenoKv,
  atomic: DenoKvAtomic,
  ids: readonly string[],
): Promise<void> {
  const all = await Promise.all(ids.map(async (id) => (await keysOfEvent(id)).status));
  let pending = 0;
  let dead = 0;
  for (const entry of await getAll(kv, all)) {
    atomic.check(entry);
    // Pruned since the job was read, of which the check of the job tells too.
    if (entry.value === null) continue;
    const { deliveries } = entry.value as StatusRecord;
    pending += deliveries.pending;
    dead += deliveries.dead;
    const changed: StatusRecord = {
      superseded: true,
      deliveries: { ...deliveries, pending: 0, dead: 0 },
    };
    atomic.set(entry.key, changed);
  }
  count(atomic, {
    events: { accepted: -ids.length, superseded: ids.length },
    deliveries: { pending: -pending, dead: -dead },
  });
}

/** Takes a pruned event out of its job. */
export function leaveJob(
  atomic: DenoKvAtomic,
  entry: DenoKvEntry,
  id: string,
  { event }: EventTexts,
): void {
  const { ends, succeeded, failed } = (entry.value ?? none) as JobRecord;
  atomic.check(entry);
  if (ends <= 1) {
    atomic.delete(entry.key);
    return;
  }
  const left: JobRecord = {
    ends: ends - 1,
    succeeded: event === "job.succeeded" ? succeeded - 1 : succeeded,
    failed: failed.filter((each) => each !== id),
  };
  atomic.set(entry.key, left);
}
