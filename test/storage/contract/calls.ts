import type {
  Acceptance,
  Claim,
  ClaimRequest,
  ClaimResult,
  Delivery,
  EventFilter,
  Lease,
  NewEvent,
  Storage,
  StoredEvent,
} from "imggo-webhooks";
import { Buffer } from "node:buffer";
import { expect } from "vitest";
import { newEvent, type NewEventFields } from "../../support/new-event.ts";

// Every wait in the suite is decided by a margin of seconds at least, so that a storage whose clock
// runs on while a test does passes all the same.
export const second = 1_000;
export const minute: number = 60 * second;
export const hour: number = 60 * minute;
export const day: number = 24 * hour;

/** What a claim gives when nothing is due. */
export const nothing: ClaimResult = { claims: [], exhausted: [] };

export function bytes(...values: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values);
}

export function expectBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  expect(actual).toBeInstanceOf(Uint8Array);
  // By `equals`: to compare 1 MiB with `toEqual` takes seconds.
  if (actual && !Buffer.from(actual).equals(expected)) {
    const shown = (some: Uint8Array) => `${some.length} bytes: ${some.subarray(0, 64)}`;
    expect(shown(actual)).toBe(shown(expected));
    throw new Error("the bytes differ beyond the first 64");
  }
}

/** A claim of all that is due for processor `a`, unless said otherwise. */
export function request(fields: Partial<ClaimRequest> = {}): ClaimRequest {
  return { processors: ["a"], limit: 100, leaseMs: minute, maxAttempts: 8, ...fields };
}

/** The one claim that such a request gives: with more or fewer the test fails. */
export async function claimOne(
  storage: Storage,
  fields: Partial<ClaimRequest> = {},
): Promise<Claim> {
  const { claims, exhausted } = await storage.claim(request(fields));
  expect([claims.length, exhausted.length]).toEqual([1, 0]);
  return claims[0] as Claim;
}

export async function claimedIds(
  storage: Storage,
  fields: Partial<ClaimRequest> = {},
): Promise<string[]> {
  return (await storage.claim(request(fields))).claims.map(({ eventId }) => eventId);
}

export async function deliveryOf(storage: Storage, lease: Lease): Promise<Delivery | undefined> {
  const { deliveries = [] } = await storage.get(lease.eventId) ?? {};
  return deliveries.find(({ processor }) => processor === lease.processor);
}

/** The state of each delivery of an event, by processor. */
export async function statesOf(
  storage: Storage,
  id: string,
): Promise<Record<string, Delivery["state"]>> {
  const { deliveries = [] } = await storage.get(id) ?? {};
  return Object.fromEntries(deliveries.map(({ processor, state }) => [processor, state]));
}

/** Accepts all at once, by the storages in turn. */
export async function acceptAll(
  storages: readonly Storage[],
  events: readonly NewEvent[],
): Promise<Acceptance[]> {
  return await Promise.all(
    events.map((event, index) => (storages[index % storages.length] as Storage).accept(event)),
  );
}

/** Accepts an event; its id. */
export async function acceptNew(storage: Storage, fields?: NewEventFields): Promise<string> {
  return (await storage.accept(await newEvent(fields))).id;
}

/** Runs the one delivery that is due for a processor, to this end. */
export async function end(
  storage: Storage,
  processor: string,
  kind: "succeeded" | "dead",
): Promise<Claim> {
  const claim = await claimOne(storage, { processors: [processor] });
  const outcome = kind === "dead" ? { kind, error: `${processor} failed` } : { kind };
  expect(await storage.settle(claim, outcome)).toBe(true);
  return claim;
}

/** All pages behind a cursor, with something done between each two. */
export async function followCursor<Page extends { readonly nextCursor: string | null }>(
  turn: (position: { readonly cursor?: string }) => Promise<Page>,
  between: () => Promise<unknown> = async () => {},
): Promise<Page[]> {
  const all: Page[] = [];
  let cursor: string | null | undefined;
  while (cursor !== null) {
    expect(all.length, "pages without an end").toBeLessThan(200);
    const page = await turn(cursor === undefined ? {} : { cursor });
    all.push(page);
    cursor = page.nextCursor;
    await between();
  }
  return all;
}

/** All pages of the list of events, with something done between each two. */
export async function pages(
  storage: Storage,
  query: EventFilter & { readonly limit: number },
  between?: () => Promise<unknown>,
): Promise<(readonly StoredEvent[])[]> {
  const all = await followCursor((position) => storage.list({ ...query, ...position }), between);
  for (const { events } of all) expect(events.length).toBeLessThanOrEqual(query.limit);
  return all.map(({ events }) => events);
}

/** The ids of all events that a filter means, the last stored first. */
export async function listedIds(
  storage: Storage,
  filter: EventFilter = {},
  limit: number = 100,
): Promise<string[]> {
  return (await pages(storage, { ...filter, limit })).flat().map(({ id }) => id);
}
