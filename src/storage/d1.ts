import { accept } from "./d1/accept.ts";
import { type BodyRow, fromText, type TextRow } from "./d1/body.ts";
import { claim } from "./d1/claim.ts";
import type { D1Database } from "./d1/database.ts";
import { createSession } from "./d1/session.ts";
import { describeEvent, settledValues } from "./sqlite/rows.ts";
import type { EventRow, Rows } from "./sqlite/statements.ts";
import { keyRetentionMs, type Storage } from "./storage.ts";

export { maxD1BodyBytes } from "./d1/body.ts";
export type { D1Database, D1Statement } from "./d1/database.ts";

/** What {@linkcode d1Storage} takes. */
export interface D1StorageOptions {
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

type DeliveryOfPage = Rows["deliveries"] & { readonly event_seq: number };

/**
 * Keeps events in a Cloudflare D1 database. What `accept()` has stored is durable when its promise
 * resolves. Any number of Workers may share a database; it should be one of its own.
 *
 * The tables are made or migrated at the first use. D1 counts queries: 1,000 for each invocation of
 * a Worker, 50 on the free plan. A new event takes 3, or 5 if it is a `job.succeeded`, and one that
 * is known takes 1 more; a claim takes 1 for each processor, and 2 to 4 more where something is due;
 * settling takes 1, or 2 where the attempt failed; renewing and pinging take 1, the others 1 to 4.
 * The first call takes 1 more.
 *
 * D1 takes bytes at ten times the cost of text, so a body that is not UTF-8 costs more, and one that
 * holds U+FFFD takes a query more to read. A body may have {@linkcode maxD1BodyBytes}; a larger one
 * is a `StorageError` with the code `full`.
 *
 * @param database The binding. The storage may be used in any request of an isolate.
 */
export function d1Storage(
  database: D1Database,
  { now = Date.now }: D1StorageOptions = {},
): Storage {
  const session = createSession(database);
  const { bind, run } = session;
  let turn = 0;

  return {
    accept: async (event, signal) => await accept(session, event, now(), signal),
    claim: (request) => claim(session, request, turn++, now),
    async renew({ eventId, processor, fence }, leaseMs) {
      const heldUntil = Math.ceil(now() + leaseMs);
      const [renewed = []] = await run([bind("renew", heldUntil, eventId, processor, fence)]);
      return renewed.length === 1;
    },
    async settle({ eventId, processor, fence }, outcome) {
      const values = settledValues(outcome, now());
      const [settled = []] = await run([
        bind("settle", ...values, eventId, processor, fence),
        ...(outcome.kind === "succeeded" ? [] : [bind("withdrawSettled", eventId)]),
      ]);
      return settled.length === 1;
    },
    async get(id) {
      const [[row] = [], deliveries = []] = await run([
        bind("event", id),
        bind("deliveriesOfEvent", id),
      ]) as [EventRow[], Rows["deliveries"][]];
      return row && describeEvent(row, deliveries);
    },
    async body(id) {
      const [[text] = []] = await run([bind("textOfBody", id)]) as TextRow[][];
      if (text === undefined) return undefined;
      const body = fromText(text);
      if (body !== undefined) return body;
      const [[row] = []] = await run([bind("body", id)]) as BodyRow[][];
      return row && Uint8Array.from(row.body);
    },
    async list({ limit, cursor }) {
      const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);
      // One more than asked for tells whether there is a next page.
      const [rows = [], deliveries = []] = await run([
        bind("page", before, limit + 1),
        bind("deliveriesOfPage", before, limit),
      ]) as [EventRow[], DeliveryOfPage[]];
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      return {
        events: page.map((row) =>
          describeEvent(row, deliveries.filter(({ event_seq }) => event_seq === row.seq))
        ),
        nextCursor: last ? String(last.seq) : null,
      };
    },
    async prune({ receivedBefore, limit }) {
      const time = now();
      const [, , , deleted = []] = await run([
        bind("forgetKeys", time),
        bind("expireKeys", receivedBefore, limit, time + keyRetentionMs),
        bind("deleteDeliveries", receivedBefore, limit),
        bind("deleteEvents", receivedBefore, limit),
      ]);
      return deleted.length;
    },
    async ping() {
      await run([bind("ping")]);
    },
    async close() {},
  };
}
