import type { EventFilter, EventPage, StoredEvent } from "../storage.ts";
import { keyPart, keys } from "./keys.ts";
import type { DenoKv, DenoKvKey } from "./kv.ts";
import { describeEvent, readEvent } from "./read-event.ts";
import type { OrderRecord } from "./records.ts";

// How many events a page looks at, if a filter means few of them.
const maxLook = 200;
const atOnce = 20;

/** Shows an event: {@linkcode Storage.get}. */
export async function get(kv: DenoKv, id: string): Promise<StoredEvent | undefined> {
  const event = await readEvent(kv, id);
  return event && await describeEvent(kv, event);
}

/** Shows the events, the last stored first: {@linkcode Storage.list}. */
export async function list(
  kv: DenoKv,
  { limit, cursor, ...filter }: EventFilter & {
    readonly limit: number;
    readonly cursor?: string;
  },
): Promise<EventPage> {
  const look = Object.keys(filter).length > 0 ? Math.max(limit, maxLook) : limit;
  const entries = await listOrder(kv, filter, look + 1, cursor);
  const events: StoredEvent[] = [];
  let seen = 0;
  while (seen < Math.min(look, entries.length) && events.length < limit) {
    const some = entries.slice(seen, Math.min(look, seen + Math.max(atOnce, limit)));
    const read = await Promise.all(
      some.map((entry) => isTimeMeant(entry, filter) ? get(kv, entry.id) : undefined),
    );
    for (const event of read) {
      if (events.length === limit) break;
      seen++;
      // One that was deleted between the two reads is left out.
      if (event && isMeant(event, filter)) events.push(event);
    }
  }
  const last = seen < entries.length ? entries[seen - 1] : undefined;
  return { events, nextCursor: last?.place ?? null };
}

interface Placed extends OrderRecord {
  readonly place: string;
}

/** Those before a place, each once, of the shortest order in which all are that a filter means. */
async function listOrder(
  kv: DenoKv,
  filter: EventFilter,
  limit: number,
  before: string | undefined,
): Promise<Placed[]> {
  const prefix = await prefixFor(filter);
  const selector = before === undefined ? { prefix } : { prefix, end: [...prefix, before] };
  const entries: Placed[] = [];
  const options = { reverse: true, batchSize: Math.min(limit, 500) };
  for await (const { key, value } of kv.list(selector, options)) {
    const { id, receivedAt } = value as OrderRecord;
    // An event may have several deliveries that are dead.
    if (entries.at(-1)?.id === id) continue;
    entries.push({ id, receivedAt, place: String(key[prefix.length]) });
    if (entries.length === limit) break;
  }
  return entries;
}

async function prefixFor({ state, jobId, deliveryState }: EventFilter): Promise<DenoKvKey> {
  if (jobId !== undefined) return keys.ofJobs(await keyPart(jobId));
  if (state === "ignored" || state === "quarantined") return keys.ofStates(state);
  return deliveryState === "dead" ? keys.deads : keys.orders;
}

function isTimeMeant(
  { receivedAt }: OrderRecord,
  { receivedAfter = -Infinity, receivedBefore = Infinity }: EventFilter,
): boolean {
  return receivedAt >= receivedAfter && receivedAt < receivedBefore;
}

function isMeant(event: StoredEvent, filter: EventFilter): boolean {
  return [event.state, undefined].includes(filter.state) &&
    [event.event, undefined].includes(filter.event) &&
    [event.jobId, undefined].includes(filter.jobId) &&
    [event.patternId, undefined].includes(filter.patternId) &&
    (filter.deliveryState === undefined ||
      event.deliveries.some(({ state }) => state === filter.deliveryState));
}
