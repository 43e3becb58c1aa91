import type { AttemptsRow } from "../sqlite/attempt-statements.ts";
import { attemptsOf } from "../sqlite/attempts.ts";
import { countDeadBy, deadGroupsOf, deadValues, redriveBy } from "../sqlite/dead.ts";
import type { DeadGroupRow } from "../sqlite/dead-statements.ts";
import { describeEvent } from "../sqlite/rows.ts";
import type { Rows } from "../sqlite/statements.ts";
import { statsOf, type StatsRow } from "../sqlite/stats.ts";
import type { EventRow } from "../sql-rows.ts";
import { keyRetentionMs, type Storage } from "../storage.ts";
import { createActivity } from "./activity.ts";
import { createExpectations } from "./expectations.ts";
import { list } from "./list.ts";
import { operatingStatements as sql } from "./operating-statements.ts";
import { readBody } from "./read-body.ts";
import type { Receiving } from "./receiving.ts";
import { receivingStatements } from "./receiving-statements.ts";
import { createKeptRejections } from "./rejections.ts";
import type { D1Session } from "./session.ts";

/** The other part: what operators do, pruning, and what asking ImgGo takes. */
export interface Operating extends Omit<Storage, keyof Receiving> {
  readonly rejections: Omit<Storage["rejections"], keyof Receiving["rejections"]>;
}

/** Does in a D1 database what is not on an event's way. */
export function createOperating(session: D1Session, now: () => number): Operating {
  const { bind, run } = session;

  return {
    async get(id) {
      const [[row] = [], deliveries = []] = await run([
        bind(sql.event, id),
        bind(sql.deliveriesOfEvent, id),
      ]) as [EventRow[], Rows["deliveries"][]];
      return row && describeEvent(row, deliveries);
    },
    async attempts(eventId) {
      const [rows = []] = await run([bind(sql.attempts, eventId)]) as AttemptsRow[][];
      return attemptsOf(rows);
    },
    body: (id) => readBody(session, sql.textOfBody, receivingStatements.body, id),
    list: (query) => list(session, query),
    async redeliver(eventId, processors) {
      const names = JSON.stringify([...new Set(processors)]);
      const [due = []] = await run([bind(sql.redeliver, eventId, names, now())]);
      return due.length;
    },
    async redrive({ limit, ...filter }) {
      const [due = []] = await run([
        bind(sql[redriveBy(filter)], ...deadValues(filter), limit, now()),
      ]);
      return due.length;
    },
    async countDead(filter) {
      const [[row] = []] = await run([bind(sql[countDeadBy(filter)], ...deadValues(filter))]) as {
        readonly count: number;
      }[][];
      return row?.count ?? 0;
    },
    async deadGroups({ limit }) {
      const [rows = []] = await run([bind(sql.deadGroups, limit)]) as DeadGroupRow[][];
      return deadGroupsOf(rows);
    },
    async stats() {
      const [[row] = []] = await run([bind(sql.stats, now())]) as StatsRow[][];
      if (row === undefined) throw new Error("D1 returned no row of a count.");
      return statsOf(row);
    },
    activity: createActivity(session, now),
    expectations: createExpectations(session, now),
    rejections: createKeptRejections(session),
    async prune({ receivedBefore, limit }) {
      const time = now();
      const [, , , , deleted = []] = await run([
        bind(sql.forgetKeys, time),
        bind(sql.expireKeys, receivedBefore, limit, time + keyRetentionMs),
        bind(sql.deleteTraces, receivedBefore, limit),
        bind(sql.deleteDeliveries, receivedBefore, limit),
        bind(sql.deleteEvents, receivedBefore, limit),
      ]);
      return deleted.length;
    },
  };
}
