import { pause } from "../deadline.ts";
import { type Logger, silentLogger } from "../logger.ts";
import { interleave } from "./interleave.ts";
import { classify } from "./sqlite/classify.ts";
import { type Connection, open, transact } from "./sqlite/connection.ts";
import { createGroupCommit } from "./sqlite/group-commit.ts";
import { describeEvent, settledValues } from "./sqlite/rows.ts";
import type { EventRow } from "./sqlite/statements.ts";
import {
  type Acceptance,
  type Claim,
  type ClaimRequest,
  type ClaimResult,
  type EventPage,
  keyRetentionMs,
  lastAttemptLost,
  type Lease,
  type NewEvent,
  type Outcome,
  type Storage,
  StorageError,
  type StoredEvent,
} from "./storage.ts";

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
  let connection: Connection | undefined;
  // The one before it, whose file was damaged or is not at the path any more.
  let lost: Connection | undefined;
  let closed = false;
  let turn = 0;

  const attempt = <T>(work: (connection: Connection) => T): T => {
    if (closed) throw new StorageError("unavailable", `SQLite ${path}: the storage is closed.`);
    // SQLite would take the old file's WAL for the new one's and damage it, and another process may
    // still write to it.
    if (lost?.leavesWal()) {
      throw new StorageError(
        "unavailable",
        `SQLite ${path}: the file was replaced while it was open. Stop every process that uses ` +
          `it, remove ${path}-wal and ${path}-shm, and start again.`,
      );
    }
    lost = undefined;
    try {
      return work(connection ??= open(path, logger));
    } catch (cause) {
      const error = classify(cause, path);
      // A damaged or lost file is opened anew: it may have been put back.
      if (error.code === "corrupt" || error.code === "unavailable") forget();
      throw error;
    }
  };

  const forget = () => {
    if (path === ":memory:" || connection === undefined) return;
    lost = connection;
    connection = undefined;
    try {
      lost.giveUp();
    } catch {
      // A damaged file can't be written; its WAL stays for the next one to open it.
    }
  };

  const write = createGroupCommit<Connection>({
    busyTimeoutMs,
    transact: (work) =>
      attempt((open) => {
        const result = transact(open.database, "write", () => work(open));
        open.checkPlace();
        return result;
      }),
  });

  // In WAL mode readers wait for no one, but for who makes or migrates the file.
  const read = async <T>(work: (connection: Connection) => T): Promise<T> => {
    const giveUpAt = performance.now() + busyTimeoutMs;
    while (true) {
      try {
        return attempt(work);
      } catch (error) {
        const busy = error instanceof StorageError && error.code === "busy";
        if (!busy || performance.now() > giveUpAt) throw error;
      }
      await pause(10);
    }
  };

  // One statement sees one state of the file by itself; several need a transaction.
  const readSnapshot = <T>(work: (connection: Connection) => T): Promise<T> =>
    read((open) => transact(open.database, "read", () => work(open)));

  return {
    accept: (event, signal) => write((connection) => accept(connection, event, now()), signal),
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
    get: (id) =>
      readSnapshot((connection) => {
        const row = connection.one("event", id);
        return row && describe(connection, row);
      }),
    body: (id) => read((connection) => connection.one("body", id)?.body),
    list: ({ limit, cursor }) => readSnapshot((connection) => list(connection, limit, cursor)),
    prune: ({ receivedBefore, limit }) =>
      write((connection) => prune(connection, receivedBefore, limit, now())),
    ping: () =>
      read((connection) => {
        connection.one("ping");
        connection.checkPlace();
      }),
    // deno-lint-ignore require-await -- so that a failure is a rejection
    async close() {
      closed = true;
      connection?.database.close();
      connection = undefined;
    },
  };
}

function accept(connection: Connection, event: NewEvent, time: number): Acceptance {
  if (connection.run("addKey", event.key, event.id) === 0) {
    const key = connection.one("countDuplicate", event.id, event.key);
    if (key === undefined) throw new Error("SQLite returned no row of an update.");
    const first = connection.one("compareEvent", event.body, key.event_id);
    return {
      id: key.event_id,
      duplicate: key.event_id !== event.id,
      state: first?.state ?? event.state,
      identical: first === undefined || first.identical === 1,
    };
  }
  const ofJob = (name: string) =>
    event.state === "accepted"
      ? connection.all("findOfJob", event.jobId, name).map(({ seq }) => seq)
      : [];
  const late = event.event === "job.failed" && ofJob("job.succeeded").length > 0;
  const state = late ? "superseded" : event.state;
  const added = connection.one(
    "addEvent",
    event.id,
    event.key,
    state,
    event.event,
    event.jobId,
    event.patternId,
    event.receivedAt,
    event.body,
  );
  if (added === undefined) throw new Error("SQLite returned no row of an insert.");
  if (!late) {
    for (const processor of event.processors) {
      connection.run("addDelivery", added.seq, processor, time);
    }
  }
  if (event.event === "job.succeeded") {
    for (const seq of ofJob("job.failed")) {
      connection.run("supersede", seq);
      connection.run("withdraw", seq);
    }
  }
  return { id: event.id, duplicate: false, state, identical: true };
}

function claim(
  connection: Connection,
  { processors, limit, leaseMs, maxAttempts }: ClaimRequest,
  turn: number,
  time: number,
): ClaimResult {
  const claims: Claim[] = [];
  const exhausted: Lease[] = [];
  const heldUntil = Math.ceil(time + leaseMs);
  let skipped: boolean;
  do {
    skipped = false;
    const queues = processors.map((name) => connection.all("due", name, time, limit));
    for (const { event_seq, processor, attempts, fence } of interleave(queues, turn)) {
      if (claims.length === limit) break;
      const event = connection.one("claimedEvent", event_seq);
      if (event === undefined || event.state === "superseded") {
        connection.run("withdrawOne", event_seq, processor);
        skipped = true;
      } else if (attempts >= maxAttempts) {
        connection.run("exhaust", lastAttemptLost, event_seq, processor);
        exhausted.push({ eventId: event.id, processor, fence });
        skipped = true;
      } else {
        connection.run("claim", heldUntil, event_seq, processor);
        claims.push({
          eventId: event.id,
          processor,
          fence: fence + 1,
          attempt: attempts + 1,
          receivedAt: event.received_at,
          body: event.body,
        });
      }
    }
    // What is not run took the place of what is due behind it.
  } while (skipped && claims.length < limit);
  return { claims, exhausted };
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

function describe(connection: Connection, row: EventRow): StoredEvent {
  return describeEvent(row, connection.all("deliveries", row.seq));
}

function list(connection: Connection, limit: number, cursor: string | undefined): EventPage {
  const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);
  // One more than asked for tells whether there is a next page.
  const rows = connection.all("page", before, limit + 1);
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return {
    events: page.map((row) => describe(connection, row)),
    nextCursor: last ? String(last.seq) : null,
  };
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
    connection.run("deleteDeliveries", seq);
    connection.run("deleteEvent", seq);
  }
  return done.length;
}
