import { createDeadGroups } from "../dead-groups.ts";
import { type DeadGroup, deadLookedAt } from "../storage.ts";
import { batches } from "./batches.ts";
import { type DeadCandidate, listDead, onlyStanding, withErrors } from "./dead.ts";
import type { DenoKv } from "./kv.ts";

// Many enough for few waits, and few enough for long errors to fit in memory.
const atOnce = 500;

/** Groups dead deliveries by processor and error: {@linkcode Storage.deadGroups}. */
export async function deadGroups(
  kv: DenoKv,
  { limit }: { readonly limit: number },
): Promise<DeadGroup[]> {
  const groups = createDeadGroups();
  const last = await lastDead(kv);
  for (let from = 0; from < last.length; from += atOnce) {
    const standing = await onlyStanding(kv, last.slice(from, from + atOnce));
    for (const { processor, error, endedAt, id } of await withErrors(kv, standing)) {
      groups.add({ processor, error, endedAt, eventId: id });
    }
  }
  return groups.first(limit);
}

/** Those that died last, the last first; those included that were withdrawn. */
async function lastDead(kv: DenoKv): Promise<DeadCandidate[]> {
  let last: DeadCandidate[] = [];
  for await (const batch of batches(listDead(kv, {}), deadLookedAt)) {
    last = [...last, ...batch].sort(lastFirst).slice(0, deadLookedAt);
  }
  return last;
}

function lastFirst(one: DeadCandidate, other: DeadCandidate): number {
  return other.endedAt - one.endedAt || (other.place < one.place ? -1 : 1);
}
