import type { EventFilter, EventPage, StoredEvent } from "../storage.ts";
import type { FilteredRow, Source } from "./list-statements.ts";
import { deliveryStates, type EventRow } from "../sql-rows.ts";

/** Which events of a list are asked for. */
export type ListQuery = EventFilter & { readonly limit: number; readonly cursor?: string };

// So many at the most are looked at for a page, of those that a filter may not mean.
const mostLooked = 2_000;

/** What a page of a list is made with. */
export interface PageParts {
  readonly limit: number;
  readonly describe: (row: EventRow) => StoredEvent;
}

/** Whether a list asks for all events. */
export function isUnfiltered({ limit: _, cursor: __, ...filter }: ListQuery): boolean {
  return Object.values(filter).every((value) => value === undefined);
}

/** Where a list without a cursor begins: before which `seq`. */
export function beforeOf({ cursor }: ListQuery): number {
  return cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);
}

/** Where to look for what a filter means: where it is among the fewest. */
export function sourceOf({ state, jobId, deliveryState, ...filter }: EventFilter): Source {
  if (jobId !== undefined) return "ofJob";
  if (deliveryState === "dead") return "withDeadOnes";
  if (state !== undefined && state !== "accepted") return "ofState";
  if (filter.receivedAfter !== undefined || filter.receivedBefore !== undefined) {
    return "receivedBetween";
  }
  return deliveryState === undefined ? "everyEvent" : "withDeliveries";
}

/** What the statements of a filtered page take: of one event more than asked for. */
export function filterValues(query: ListQuery): (string | number | null)[] {
  const { state, event, jobId, patternId, deliveryState, limit } = query;
  return [
    state ?? null,
    event ?? null,
    jobId ?? null,
    patternId ?? null,
    query.receivedAfter ?? Number.MIN_SAFE_INTEGER,
    query.receivedBefore ?? Number.MAX_SAFE_INTEGER,
    deliveryState === undefined ? null : deliveryStates.indexOf(deliveryState),
    beforeOf(query),
    lookedAt(limit),
    limit + 1,
  ];
}

/** A page of all events, of rows that are one more than asked for where there is a next page. */
export function pageOf(rows: readonly EventRow[], { limit, describe }: PageParts): EventPage {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return { events: page.map(describe), nextCursor: last ? String(last.seq) : null };
}

/** A page of what a filter means. */
export function filteredPageOf(rows: readonly FilteredRow[], parts: PageParts): EventPage {
  const page = pageOf(rows.filter((row) => row.seq !== null), parts);
  const { looked, last_looked } = rows[0] ?? { looked: 0, last_looked: null };
  const mayGoOn = page.nextCursor === null && looked === lookedAt(parts.limit);
  return mayGoOn ? { ...page, nextCursor: String(last_looked) } : page;
}

function lookedAt(limit: number): number {
  return Math.max(mostLooked, limit + 1);
}
