import { accept } from "./deno-kv/accept.ts";
import { createActivity } from "./deno-kv/activity.ts";
import { attempts } from "./deno-kv/attempts.ts";
import { claim } from "./deno-kv/claim.ts";
import { classify } from "./deno-kv/classify.ts";
import { readBody } from "./deno-kv/content.ts";
import { countDead } from "./deno-kv/dead.ts";
import { deadGroups } from "./deno-kv/dead-groups.ts";
import { createExpectations } from "./deno-kv/expectations.ts";
import { keys, keysOfEvent } from "./deno-kv/keys.ts";
import type { DenoKv } from "./deno-kv/kv.ts";
import { renew, settle } from "./deno-kv/lease.ts";
import { get, list } from "./deno-kv/list.ts";
import { prune } from "./deno-kv/prune.ts";
import type { EventRecord } from "./deno-kv/records.ts";
import { redeliver, redrive } from "./deno-kv/redeliver.ts";
import { createRejections } from "./deno-kv/rejections.ts";
import { stats } from "./deno-kv/stats.ts";
import type { Storage } from "./storage.ts";

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
 * a success supersedes the last 90, and of an error the first 30,000 characters are kept. Claiming,
 * redriving (100 at a time) and pruning are a transaction for each delivery and event, not one for all;
 * so is redelivering for each 100 processors, or fewer where their errors are long.
 *
 * Lists by job, of what is ignored, quarantined or dead, and of what is pending or runs (where that
 * is 2,000 deliveries at the most) read what they show; by anything else they look at 10,000 events
 * a page, and where the state of deliveries decides at 200.
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
    attempts: (eventId) => classified(attempts(kv, eventId)),
    body: (id) => classified(body(kv, id)),
    list: (query) => classified(list(kv, query)),
    redeliver: (eventId, processors) => classified(redeliver(kv, eventId, processors, now)),
    redrive: (request) => classified(redrive(kv, request, now)),
    countDead: (filter) => classified(countDead(kv, filter)),
    deadGroups: (query) => classified(deadGroups(kv, query)),
    stats: () => classified(stats(kv, now)),
    activity: createActivity(kv, now, classified),
    expectations: createExpectations(kv, now, classified),
    rejections: createRejections(kv, now, classified),
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

async function body(kv: DenoKv, id: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const [entry] = await kv.getMany([(await keysOfEvent(id)).record]);
  return entry?.value ? await readBody(kv, entry.value as EventRecord) : undefined;
}

async function ping(kv: DenoKv): Promise<void> {
  await kv.getMany([keys.nothing]);
}
