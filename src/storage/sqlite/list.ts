import type { DeliveryState, EventFilter, EventPage, StoredEvent } from "../storage.ts";
import { type AheadRows, type FilteredRow, mostCounted, type Source } from "./list-statements.ts";
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

/** Where a list goes on: before which `seq`, and from which one on at the least. */
function positionOf({ cursor }: ListQuery): { readonly before: number; readonly first: number } {
  if (cursor === undefined) return { before: Number.MAX_SAFE_INTEGER, first: 0 };
  const [before, first = 0] = cursor.split("_").map(Number);
  return { before: before ?? 0, first };
}

/** Where a list of all events begins: before which `seq`. */
export function beforeOf(query: ListQuery): number {
  return positionOf(query).before;
}

/** What is to be asked ahead of a filtered page, each with its values. */
export interface Ahead {
  readonly received?: readonly [receivedAfter: number, receivedBefore: number, limit: number];
  readonly sizes?: readonly (string | number | null)[];
}

/** The answers to it. */
export type Answers = { readonly [Name in keyof AheadRows]?: AheadRows[Name] | undefined };

/** What a page has to know ahead. */
export function aheadOf(query: ListQuery): Ahead {
  const { state, event, patternId, deliveryState, cursor } = query;
  const { receivedAfter, receivedBefore } = query;
  const asksTime = receivedAfter !== undefined || receivedBefore !== undefined;
  const [only, ...more] = sourcesOf(query);
  return {
    // The cursor remembers it. What was received last also was stored last, mostly: where the end is
    // open, it is not worth while to look at many.
    ...asksTime && cursor === undefined && {
      received: [
        receivedAfter ?? Number.MIN_SAFE_INTEGER,
        receivedBefore ?? Number.MAX_SAFE_INTEGER,
        receivedBefore === undefined ? mostCounted : -1,
      ],
    },
    ...(more.length > 0 || only === "withOpenOnes" && deliveryState === "pending") && {
      sizes: [patternId ?? null, event ?? null, state ?? null, numberOf(deliveryState)],
    },
  };
}

/** Where what a filter means may be looked for other than everywhere. */
function sourcesOf({ state, event, jobId, patternId, deliveryState }: EventFilter): Source[] {
  // There are few of these.
  if (jobId !== undefined) return ["ofJob"];
  if (deliveryState === "running") return ["withOpenOnes"];
  return [
    ...deliveryState === "pending" ? ["withOpenOnes"] as const : [],
    ...deliveryState === "dead" ? ["withDeadOnes"] as const : [],
    ...state !== undefined && state !== "accepted" ? ["ofState"] as const : [],
    ...event !== undefined && event !== "job.succeeded" ? ["ofOtherName"] as const : [],
    ...patternId !== undefined ? ["ofPattern"] as const : [],
  ];
}

/** Where to look for what a filter means: where it is among the fewest. */
function sourceOf(query: ListQuery, { sizes }: Answers): Source {
  const everywhere = query.deliveryState === undefined ? "everyEvent" : "withDeliveries";
  const sources = sourcesOf(query);
  if (sizes === undefined) return sources[0] ?? everywhere;
  const size = (source: Source) => sizes[source as keyof typeof sizes];
  // Many that are pending would have to be sorted, and are nearly all that came last.
  const fit = sources.filter((each) => each !== "withOpenOnes" || size(each) < mostCounted);
  return fit.sort((one, other) => size(one) - size(other))[0] ?? everywhere;
}

/** How a filtered page is asked for. */
export interface PagePlan {
  readonly source: Source;
  /** What its statements take: of one event more than asked for. */
  readonly values: readonly (string | number | null)[];
  /** The `seq` below which there is nothing. */
  readonly first: number;
}

/** How to ask for a filtered page, after what was asked ahead. */
export function planOf(query: ListQuery, answers: Answers): PagePlan {
  const { state, event, jobId, patternId, deliveryState, limit } = query;
  const { before, first } = boundsOf(query, answers);
  return {
    source: sourceOf(query, answers),
    first,
    values: [
      state ?? null,
      event ?? null,
      jobId ?? null,
      patternId ?? null,
      query.receivedAfter ?? Number.MIN_SAFE_INTEGER,
      query.receivedBefore ?? Number.MAX_SAFE_INTEGER,
      numberOf(deliveryState),
      before,
      lookedAt(limit),
      limit + 1,
      first,
    ],
  };
}

function boundsOf(query: ListQuery, { received }: Answers) {
  if (received === undefined) return positionOf(query);
  const { count, first, last } = received;
  if (first === null || last === null) return { before: 0, first: 0 };
  const all = query.receivedBefore !== undefined || count < mostCounted;
  return all ? { before: last + 1, first } : positionOf(query);
}

function numberOf(deliveryState: DeliveryState | undefined): number | null {
  return deliveryState === undefined ? null : deliveryStates.indexOf(deliveryState);
}

/** A page of all events, of rows that are one more than asked for where there is a next page. */
export function pageOf(rows: readonly EventRow[], { limit, describe }: PageParts): EventPage {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return { events: page.map(describe), nextCursor: last ? String(last.seq) : null };
}

/** A page of what a filter means. */
export function filteredPageOf(
  rows: readonly FilteredRow[],
  { first }: PagePlan,
  parts: PageParts,
): EventPage {
  const { events, nextCursor } = pageOf(rows.filter((row) => row.seq !== null), parts);
  const { looked, last_looked } = rows[0] ?? { looked: 0, last_looked: null };
  const mayGoOn = looked === lookedAt(parts.limit) ? `${last_looked}` : null;
  const before = nextCursor ?? mayGoOn;
  return { events, nextCursor: before === null || first === 0 ? before : `${before}_${first}` };
}

function lookedAt(limit: number): number {
  return Math.max(mostLooked, limit + 1);
}
