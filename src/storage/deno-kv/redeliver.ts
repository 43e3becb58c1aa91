import type { DeadFilter } from "../storage.ts";
import { successOf } from "./attempts.ts";
import { batches } from "./batches.ts";
import { changeDeliveries } from "./change.ts";
import { type DeadCandidate, listDead } from "./dead.ts";
import { createTurns } from "./in-turn.ts";
import { keysOfEvent } from "./keys.ts";
import type { DenoKv } from "./kv.ts";
import { readEvent } from "./read-event.ts";
import { type DeliveryRecord, newDelivery } from "./records.ts";
import { untilCommitted } from "./until-committed.ts";

// The keys of a commit may have 80 KiB in all, and all of it 800: two for each character of an error.
const deliveriesPerCommit = 100;
const errorLengthPerCommit = 300_000;
const atOnce = 20;
// Of so many commits an operator's request can wait for the end.
const maxRedriven = 100;

/** Makes ended deliveries of an event due again: {@linkcode Storage.redeliver}. */
export async function redeliver(
  kv: DenoKv,
  eventId: string,
  processors: readonly string[],
  now: () => number,
): Promise<number> {
  let names = [...new Set(processors)];
  let count = 0;
  while (names.length > 0) {
    const done = await untilCommitted(() => restart(kv, eventId, names, now));
    count += done.count;
    names = names.slice(done.seen);
  }
  return count;
}

/**
 * Makes as many of the first ones due as a commit has room for. Undefined: the event or a delivery
 * of it was changed meanwhile.
 */
async function restart(
  kv: DenoKv,
  eventId: string,
  processors: readonly string[],
  now: () => number,
): Promise<{ readonly count: number; readonly seen: number } | undefined> {
  const event = await readEvent(kv, eventId);
  if (event?.state !== "accepted") return { count: 0, seen: processors.length };
  const change = changeDeliveries(kv, await keysOfEvent(eventId), event.entry, event.statusEntry);
  let count = 0;
  let seen = 0;
  let errorLength = 0;
  for (const name of processors) {
    const known = event.deliveries.find(({ processor }) => processor === name);
    errorLength += known?.lastError?.length ?? 0;
    if (count === deliveriesPerCommit || errorLength > errorLengthPerCommit) break;
    seen++;
    if (known?.state === "pending" || known?.state === "running") continue;
    change.move(name, known, restarted(known, now), known && successOf(known));
    count++;
  }
  return count === 0 || await change.commit() ? { count, seen } : undefined;
}

function restarted(known: DeliveryRecord | undefined, now: () => number): DeliveryRecord {
  const fresh = newDelivery(Math.floor(now()));
  return known ? { ...fresh, fence: known.fence, lastError: known.lastError } : fresh;
}

/** Makes dead deliveries due again: {@linkcode Storage.redrive}. Each is a commit of its own, of 100 at a time. */
export async function redrive(
  kv: DenoKv,
  { limit: wanted, ...filter }: DeadFilter & { readonly limit: number },
  now: () => number,
): Promise<number> {
  const limit = Math.min(wanted, maxRedriven);
  const inTurn = createTurns();
  let count = 0;
  for await (const batch of batches(listDead(kv, filter), Math.min(limit, atOnce))) {
    const some = batch.slice(0, limit - count);
    const done = await Promise.all(
      some.map((dead) =>
        inTurn(dead.id, () => untilCommitted(() => revive(kv, dead, filter, now)))
      ),
    );
    count += done.filter(Boolean).length;
    if (count === limit) break;
  }
  return count;
}

/** Makes one due, or removes it where it was withdrawn. Undefined: its event was changed meanwhile. */
async function revive(
  kv: DenoKv,
  { id, processor, endedAt }: DeadCandidate,
  { error = undefined }: DeadFilter,
  now: () => number,
): Promise<boolean | undefined> {
  const event = await readEvent(kv, id);
  const known = event?.deliveries.find((each) => each.processor === processor);
  // Another caller was here since it was listed.
  if (known?.state !== "dead" || known.endedAt !== endedAt || event === undefined) return false;
  if (error !== undefined && known.lastError !== error) return false;
  const change = changeDeliveries(kv, await keysOfEvent(id), event.entry, event.statusEntry);
  const isStanding = event.state === "accepted";
  change.move(processor, known, isStanding ? restarted(known, now) : undefined);
  return await change.commit() ? isStanding : undefined;
}
