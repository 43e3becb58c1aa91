import { type Logger, silentLogger } from "../logger.ts";
import { accept } from "./sqlite/accept.ts";
import { createAccess } from "./sqlite/access.ts";
import { createActivity } from "./sqlite/activity.ts";
import { attemptsOf } from "./sqlite/attempts.ts";
import { claim } from "./sqlite/claim.ts";
import type { Connection } from "./sqlite/connection.ts";
import { countDeadBy, deadGroupsOf, deadValues } from "./sqlite/dead.ts";
import { createExpectations } from "./sqlite/expectations.ts";
import { get, list } from "./sqlite/read-events.ts";
import { redeliver, redrive } from "./sqlite/redeliver.ts";
import { createRejections } from "./sqlite/rejections.ts";
import { settledValues } from "./sqlite/rows.ts";
import { statsOf } from "./sqlite/stats.ts";
import { keyRetentionMs, type Lease, type Outcome, type Storage } from "./storage.ts";

/** What {@linkcode sqliteStorage} takes. */
export interface SqliteStorageOptions {
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /**
   * How long to wait for another process's write lock, in milliseconds. Default 4,000. The wait
   * does not block the event loop.
   */
  readonly busyTimeoutMs?: number;
  /** Receives the warning when SQLite has a known bug. Default: not logged. */
  readonly logger?: Logger;
}

/**
 * Keeps events in a SQLite file, by the `node:sqlite` of Node.js, Deno and Bun alike. Durable: WAL
 * with `synchronous=FULL`, so a commit is on the disk before its promise resolves. Several
 * processes of one machine may share a file; it must not be on a network file system.
 *
 * The file is opened, and made or migrated, at the first use; where that fails every call rejects
 * with a {@linkcode StorageError} and the next one tries again. A damaged file is left untouched.
 *
 * @param path The file's path. Its folder must be there.
 */
export function sqliteStorage(
  path: string,
  { now = Date.now, busyTimeoutMs = 4_000, logger = silentLogger }: SqliteStorageOptions = {},
): Storage {
  const access = createAccess(path, { now, busyTimeoutMs, logger });
  const { read, readSnapshot, write } = access;
  let turn = 0;

  return {
    accept: (event, signal, lease) =>
      write((connection) => accept(connection, event, now(), lease), signal),
    async claim(request) {
      const time = now();
      // Most polls find nothing, and need no write lock to see it.
      const anyDue = (connection: Connection) => {
        connection.checkPlace();
        return request.processors.some((name) => connection.one("anyDue", name, time));
      };
      if (!await read(anyDue)) return { claims: [], exhausted: [] };
      return await write((connection) => claim(connection, request, turn++, now()));
    },
    renew: (lease, leaseMs) =>
      write((connection) => {
        const event = connection.one("eventOfLease", lease.eventId);
        if (event === undefined) return false;
        const { processor, fence } = lease;
        return connection.run("renew", Math.ceil(now() + leaseMs), event.seq, processor, fence) ===
          1;
      }),
    settle: (lease, outcome) => write((connection) => settle(connection, lease, outcome, now())),
    get: (id) => readSnapshot((connection) => get(connection, id)),
    attempts: (eventId) => read((connection) => attemptsOf(connection.all("attempts", eventId))),
    body: (id) => read((connection) => connection.one("body", id)?.body),
    list: (query) => readSnapshot((connection) => list(connection, query)),
    redeliver: (eventId, processors) =>
      write((connection) => redeliver(connection, eventId, processors, now())),
    redrive: (request) => write((connection) => redrive(connection, request, now())),
    countDead: (filter) =>
      read((connection) => connection.one(countDeadBy(filter), ...deadValues(filter))?.count ?? 0),
    deadGroups: ({ limit }) =>
      read((connection) => deadGroupsOf(connection.all("deadGroups", limit))),
    stats: () =>
      read((connection) => {
        const row = connection.one("stats", now());
        if (row === undefined) throw new Error("SQLite returned no row of a count.");
        return statsOf(row);
      }),
    activity: createActivity(access),
    expectations: createExpectations(access),
    rejections: createRejections(access),
    prune: ({ receivedBefore, limit }) =>
      write((connection) => prune(connection, receivedBefore, limit, now())),
    ping: () =>
      read((connection) => {
        connection.one("ping");
        connection.checkPlace();
      }),
    // deno-lint-ignore require-await -- so that a failure is a rejection
    async close() {
      access.close();
    },
  };
}

function settle(connection: Connection, lease: Lease, outcome: Outcome, time: number): boolean {
  const event = connection.one("eventOfLease", lease.eventId);
  if (event === undefined) return false;
  const changed = connection.run(
    "settle",
    ...settledValues(outcome, time),
    event.seq,
    lease.processor,
    lease.fence,
  );
  if (changed === 1 && event.state === "superseded") connection.run("withdraw", event.seq);
  return changed === 1;
}

function prune(
  connection: Connection,
  receivedBefore: number,
  limit: number,
  time: number,
): number {
  connection.run("forgetKeys", time);
  const done = connection.all("prunable", receivedBefore, limit);
  for (const { seq } of done) {
    connection.run("expireKey", time + keyRetentionMs, seq);
    connection.run("deleteTrace", seq);
    connection.run("deleteDeliveries", seq);
    connection.run("deleteEvent", seq);
  }
  return done.length;
}
