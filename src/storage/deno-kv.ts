import { accept } from "./deno-kv/accept.ts";
import { claim } from "./deno-kv/claim.ts";
import { classify } from "./deno-kv/classify.ts";
import { readBody } from "./deno-kv/content.ts";
import { keys, keysOfEvent } from "./deno-kv/keys.ts";
import type { DenoKv } from "./deno-kv/kv.ts";
import { renew, settle } from "./deno-kv/lease.ts";
import { prune } from "./deno-kv/prune.ts";
import { describeEvent, readEvent } from "./deno-kv/read-event.ts";
import type { EventRecord, OrderRecord } from "./deno-kv/records.ts";
import type { EventPage, Storage, StoredEvent } from "./storage.ts";

export type { DenoKv, DenoKvAtomic, DenoKvEntry, DenoKvKey, DenoKvSelector } from "./deno-kv/kv.ts";

/** What {@linkcode denoKvStorage} takes. */
export interface DenoKvStorageOptions {
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * Keeps events in Deno KV: in the database that Deno Deploy brings, or in a file. Several processes
 * may share it; their clocks must agree to within a lease. All keys begin with `imggo_webhooks`, so
 * that it can be shared with other uses.
 *
 * A value of Deno KV has its limits: an event has 200 processors at the most, of one job's failures
 * a success supersedes the last 100, and of an error the first 30,000 characters are kept. Claiming
 * and pruning are a transaction for each delivery and event, not one for all.
 *
 * @param kv What `Deno.openKv()` gave. `close()` leaves it open: whoever opened it closes it.
 *
 * @example
 * ```ts
 * const receiver = createReceiver({
 *   secret: "the secret that ImgGo showed once",
 *   storage: denoKvStorage(await Deno.openKv()),
 * });
 * ```
 */
export function denoKvStorage(
  kv: DenoKv,
  { now = Date.now }: DenoKvStorageOptions = {},
): Storage {
  let turn = 0;

  return {
    accept: (event, signal) => classified(accept(kv, event, now, signal)),
    claim: (request) => classified(claim(kv, request, turn++, now)),
    renew: (lease, leaseMs) => classified(renew(kv, lease, leaseMs, now)),
    settle: (lease, outcome) => classified(settle(kv, lease, outcome, now)),
    get: (id) => classified(get(kv, id)),
    body: (id) => classified(body(kv, id)),
    list: ({ limit, cursor }) => classified(list(kv, limit, cursor)),
    prune: (request) => classified(prune(kv, request, now)),
    ping: () => classified(ping(kv)),
    async close() {},
  };
}

async function classified<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw classify(error);
  }
}

async function get(kv: DenoKv, id: string): Promise<StoredEvent | undefined> {
  const event = await readEvent(kv, id);
  return event && await describeEvent(kv, event);
}

async function body(kv: DenoKv, id: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const [entry] = await kv.getMany([(await keysOfEvent(id)).record]);
  return entry?.value ? await readBody(kv, entry.value as EventRecord) : undefined;
}

async function list(kv: DenoKv, limit: number, cursor: string | undefined): Promise<EventPage> {
  const prefix = keys.orders;
  const selector = cursor === undefined ? { prefix } : { prefix, end: keys.order(cursor) };
  const entries: { readonly id: string; readonly place: string }[] = [];
  // One more than asked for tells whether there is a next page.
  for await (const { key, value } of kv.list(selector, { limit: limit + 1, reverse: true })) {
    entries.push({ id: (value as OrderRecord).id, place: String(key.at(-1)) });
  }
  const page = entries.slice(0, limit);
  const last = entries.length > limit ? page.at(-1) : undefined;
  const events = await Promise.all(page.map(({ id }) => get(kv, id)));
  return {
    // Those that were deleted between the two reads are left out.
    events: events.filter((event) => event !== undefined),
    nextCursor: last?.place ?? null,
  };
}

async function ping(kv: DenoKv): Promise<void> {
  await kv.getMany([keys.nothing]);
}
