import type { EventFilter } from "../storage.ts";
import { keyPart, keys } from "./keys.ts";
import type { DenoKv, DenoKvKey } from "./kv.ts";
import type { OrderRecord } from "./records.ts";

// So many entries of what is due are read at once, to be put in order.
const maxDue = 2_000;

/** An event in an order, with as much of it as the order tells. */
export interface Placed extends Partial<OrderRecord> {
  readonly id: string;
  readonly place: string;
}

/**
 * The events before a place, the last stored first and each once, of the shortest order in which all
 * are that a filter means.
 *
 * @param batchSize How many are read at once.
 */
export async function* listOrder(
  kv: DenoKv,
  filter: EventFilter,
  batchSize: number,
  before: string | undefined,
): AsyncGenerator<Placed> {
  const due = await listDue(kv, filter);
  if (due !== undefined) {
    yield* due.filter(({ place }) => before === undefined || place < before);
    return;
  }
  const prefix = await prefixFor(filter);
  const selector = before === undefined ? { prefix } : { prefix, end: [...prefix, before] };
  const options = { reverse: true, batchSize: Math.min(batchSize, 500) };
  let last: string | undefined;
  for await (const { key, value } of kv.list(selector, options)) {
    const place = String(key[prefix.length]);
    // An event may have several deliveries that are dead.
    if (place !== last) yield { ...value as OrderRecord, place };
    last = place;
  }
}

/** The events with a delivery that is pending or runs, where a filter means them and they are few. */
async function listDue(
  kv: DenoKv,
  { jobId, deliveryState }: EventFilter,
): Promise<readonly Placed[] | undefined> {
  const isSought = deliveryState === "pending" || deliveryState === "running";
  if (!isSought || jobId !== undefined) return undefined;
  const due = new Map<string, Placed>();
  let count = 0;
  const options = { limit: maxDue + 1, batchSize: 500 };
  for await (const { key, value } of kv.list({ prefix: keys.allDues }, options)) {
    if (++count > maxDue) return undefined;
    const place = String(key.at(-1));
    due.set(place, { id: String(value), place });
  }
  return [...due.values()].sort((one, other) => one.place < other.place ? 1 : -1);
}

async function prefixFor({ state, jobId, deliveryState }: EventFilter): Promise<DenoKvKey> {
  if (jobId !== undefined) return keys.ofJobs(await keyPart(jobId));
  if (state === "ignored" || state === "quarantined") return keys.ofStates(state);
  return deliveryState === "dead" ? keys.deads : keys.orders;
}
