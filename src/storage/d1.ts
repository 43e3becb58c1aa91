import { accept } from "./d1/accept.ts";
import { createActivity } from "./d1/activity.ts";
import { claim } from "./d1/claim.ts";
import type { D1Database } from "./d1/database.ts";
import { createExpectations } from "./d1/expectations.ts";
import { list } from "./d1/list.ts";
import { readBody } from "./d1/read-body.ts";
import { createRejections } from "./d1/rejections.ts";
import { createSession } from "./d1/session.ts";
import type { AttemptsRow } from "./sqlite/attempt-statements.ts";
import { attemptsOf } from "./sqlite/attempts.ts";
import { countDeadBy, deadGroupsOf, deadValues, redriveBy } from "./sqlite/dead.ts";
import type { DeadGroupRow } from "./sqlite/dead-statements.ts";
import { describeEvent, settledValues } from "./sqlite/rows.ts";
import type { EventRow } from "./sql-rows.ts";
import type { Rows } from "./sqlite/statements.ts";
import { statsOf, type StatsRow } from "./sqlite/stats.ts";
import { keyRetentionMs, type Storage } from "./storage.ts";

export { maxD1BodyBytes } from "./d1/body.ts";
export type { D1Database, D1Statement } from "./d1/database.ts";

/** What {@linkcode d1Storage} takes. */
export interface D1StorageOptions {
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/**
 * Keeps events in a Cloudflare D1 database. What `accept()` has stored is durable when its promise
 * resolves. Any number of Workers may share a database; it should be one of its own.
 *
 * The tables are made or migrated at the first use. D1 counts queries: 1,000 for each invocation of
 * a Worker, 50 on the free plan. A new event that is a job's end takes 4, or 6 if it is a
 * `job.succeeded`, any other takes 2; one with a trace takes 1 more, and so does one that is known; a
 * claim takes 1 for each processor, and 2 to 4 more where something is due; settling takes 1, or 2
 * where the attempt failed; renewing, pinging, counting, redelivering and redriving take 1, the others
 * 1 to 5. The first call takes 1 more. Of expectations a claim takes 2 and the others 1; of rejections
 * and of activity adding takes 2, and the others 1.
 *
 * D1 also counts the rows it reads: `stats()` reads one for each event and one for each delivery
 * that is there, so don't ask for it every few seconds. The first page of a list of what was received
 * before a time reads one for each event that was, and one of what is pending or running one for each
 * that is either.
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
    async attempts(eventId) {
      const [rows = []] = await run([bind("attempts", eventId)]) as AttemptsRow[][];
      return attemptsOf(rows);
    },
    body: (id) => readBody(session, "textOfBody", "body", id),
    list: (query) => list(session, query),
    async redeliver(eventId, processors) {
      const names = JSON.stringify([...new Set(processors)]);
      const [due = []] = await run([bind("redeliver", eventId, names, now())]);
      return due.length;
    },
    async redrive({ limit, ...filter }) {
      const [due = []] = await run([bind(redriveBy(filter), ...deadValues(filter), limit, now())]);
      return due.length;
    },
    async countDead(filter) {
      const [[row] = []] = await run([bind(countDeadBy(filter), ...deadValues(filter))]) as {
        readonly count: number;
      }[][];
      return row?.count ?? 0;
    },
    async deadGroups({ limit }) {
      const [rows = []] = await run([bind("deadGroups", limit)]) as DeadGroupRow[][];
      return deadGroupsOf(rows);
    },
    async stats() {
      const [[row] = []] = await run([bind("stats", now())]) as StatsRow[][];
      if (row === undefined) throw new Error("D1 returned no row of a count.");
      return statsOf(row);
    },
    activity: createActivity(session, now),
    expectations: createExpectations(session, now),
    rejections: createRejections(session, now),
    async prune({ receivedBefore, limit }) {
      const time = now();
      const [, , , , deleted = []] = await run([
        bind("forgetKeys", time),
        bind("expireKeys", receivedBefore, limit, time + keyRetentionMs),
        bind("deleteTraces", receivedBefore, limit),
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
