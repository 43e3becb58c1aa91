import type { EventFilter, EventPage, StoredEvent } from "../storage.ts";
import { batches } from "./batches.ts";
import type { DenoKv } from "./kv.ts";
import { listOrder, type Placed } from "./order.ts";
import { describeEvent, readEvent } from "./read-event.ts";

// How many entries of an order a page looks at, and how many events, if a filter means few of them.
const maxEntries = 10_000;
const maxEvents = 200;
const atOnce = 20;
const entriesAtOnce = 500;

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
  const isFiltered = Object.values(filter).some((each) => each !== undefined);
  // One more than asked for tells whether there is a next page.
  const size = isFiltered ? Math.max(entriesAtOnce, limit + 1) : limit + 1;
  const events: StoredEvent[] = [];
  let seen = 0;
  let read = 0;
  for await (const some of batches(listOrder(kv, filter, size, cursor), size)) {
    const page = (place: string): EventPage => {
      const isLast = some.length < size && some.at(-1)?.place === place;
      return { events, nextCursor: isLast ? null : place };
    };
    const candidates = some.filter((entry) => mayBeMeant(entry, filter));
    const step = Math.max(atOnce, limit);
    for (let from = 0; from < candidates.length; from += step) {
      const tried = candidates.slice(from, from + step);
      const shown = await Promise.all(tried.map(({ id }) => get(kv, id)));
      for (const { place } of tried) {
        const event = shown.shift();
        // One that was deleted between the two reads is left out.
        if (event && isMeant(event, filter)) events.push(event);
        if (events.length === limit) return page(place);
      }
      read += tried.length;
      const last = tried.at(-1);
      if (last && read >= Math.max(maxEvents, limit)) return page(last.place);
    }
    seen += some.length;
    const last = some.at(-1);
    if (last && seen >= Math.max(maxEntries, limit)) return page(last.place);
  }
  return { events, nextCursor: null };
}

/** Whether a filter may mean an event, as far as its place in an order tells. */
function mayBeMeant({ receivedAt, kind }: Placed, filter: EventFilter): boolean {
  if (receivedAt !== undefined && !isTimeMeant({ receivedAt }, filter)) return false;
  if (kind === undefined) return true;
  const { state, deliveryState } = filter;
  // Only a failure is ever superseded, and only what is accepted has deliveries.
  if (state === "superseded" && kind.event !== "job.failed") return false;
  const cameAs = state === "superseded" || deliveryState !== undefined ? "accepted" : state;
  return [kind.state, undefined].includes(cameAs) &&
    [kind.event, undefined].includes(filter.event) &&
    [kind.patternId, undefined].includes(filter.patternId);
}

function isMeant(event: StoredEvent, filter: EventFilter): boolean {
  return isTimeMeant(event, filter) &&
    [event.state, undefined].includes(filter.state) &&
    [event.event, undefined].includes(filter.event) &&
    [event.jobId, undefined].includes(filter.jobId) &&
    [event.patternId, undefined].includes(filter.patternId) &&
    (filter.deliveryState === undefined ||
      event.deliveries.some(({ state }) => state === filter.deliveryState));
}

function isTimeMeant(
  { receivedAt }: { readonly receivedAt: number },
  { receivedAfter = -Infinity, receivedBefore = Infinity }: EventFilter,
): boolean {
  return receivedAt >= receivedAfter && receivedAt < receivedBefore;
}
