import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { pause } from "../deadline.ts";
import { interleave } from "./interleave.ts";
import {
  type Acceptance,
  type Claim,
  type ClaimRequest,
  type ClaimResult,
  type Delivery,
  type DeliveryState,
  type EventPage,
  type EventState,
  keyRetentionMs,
  lastAttemptLost,
  type Lease,
  type NewEvent,
  type Outcome,
  type Storage,
  StorageError,
  type StorageErrorCode,
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
}

// "ImgW", so that a file of something else is never taken for ours.
const applicationId = 0x496d_6757;

// Each is run once, in order; `user_version` counts those that were. Never change one that was
// released: add the next.
const migrations: readonly string[] = [
  `
  -- What was received; after the insert only its state may change. The body comes last, so that
  -- reading the other columns does not touch its pages.
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    key TEXT NOT NULL,
    state TEXT NOT NULL,
    event TEXT,
    job_id TEXT,
    pattern_id TEXT,
    received_at INTEGER NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  CREATE INDEX events_job ON events (job_id, event) WHERE state IN ('accepted', 'superseded');

  -- What was seen; outlives the event by expires_at.
  CREATE TABLE keys (
    key TEXT PRIMARY KEY,
    event_id TEXT NOT NULL,
    duplicates INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX keys_expiry ON keys (expires_at) WHERE expires_at IS NOT NULL;

  -- What is to be done: small rows that change often. state: 0 pending, 1 running, 2 succeeded,
  -- 3 dead. due_at is when a pending one may run and when a running one's lease ends.
  CREATE TABLE deliveries (
    event_seq INTEGER NOT NULL REFERENCES events (seq),
    processor TEXT NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    last_error TEXT,
    PRIMARY KEY (event_seq, processor)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX deliveries_due ON deliveries (processor, due_at, event_seq) WHERE state < 2;
  `,
];

const deliveryStates: readonly DeliveryState[] = ["pending", "running", "succeeded", "dead"];

const statements = {
  addKey: `INSERT INTO keys (key, event_id) VALUES (?, ?)
    ON CONFLICT (key) DO UPDATE SET duplicates = duplicates + 1 RETURNING event_id, duplicates`,
  addEvent: `INSERT INTO events (id, key, state, event, job_id, pattern_id, received_at, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq`,
  addDelivery: "INSERT INTO deliveries (event_seq, processor, due_at) VALUES (?, ?, ?)",
  compareEvent: "SELECT state, body = ? AS identical FROM events WHERE id = ?",
  findOfJob: `SELECT seq FROM events
    WHERE job_id = ? AND event = ? AND state IN ('accepted', 'superseded')`,
  supersede: "UPDATE events SET state = 'superseded' WHERE seq = ?",
  withdraw: "DELETE FROM deliveries WHERE event_seq = ? AND state IN (0, 3)",
  withdrawOne: "DELETE FROM deliveries WHERE event_seq = ? AND processor = ?",
  anyDue: "SELECT 1 FROM deliveries WHERE processor = ? AND state < 2 AND due_at <= ? LIMIT 1",
  due: `SELECT event_seq, processor, attempts, fence FROM deliveries
    WHERE processor = ? AND state < 2 AND due_at <= ? ORDER BY due_at, event_seq LIMIT ?`,
  claimedEvent: "SELECT id, state, received_at, body FROM events WHERE seq = ?",
  claim: `UPDATE deliveries SET state = 1, attempts = attempts + 1, fence = fence + 1, due_at = ?
    WHERE event_seq = ? AND processor = ?`,
  exhaust: "UPDATE deliveries SET state = 3, last_error = ? WHERE event_seq = ? AND processor = ?",
  eventOfLease: "SELECT seq, state FROM events WHERE id = ?",
  renew: `UPDATE deliveries SET due_at = ?
    WHERE event_seq = ? AND processor = ? AND fence = ? AND state = 1`,
  settle: `UPDATE deliveries SET state = ?, due_at = coalesce(?, due_at),
    attempts = attempts - ?, last_error = coalesce(?, last_error)
    WHERE event_seq = ? AND processor = ? AND fence = ? AND state = 1`,
  event: `SELECT seq, id, events.key, state, event, job_id, pattern_id, received_at,
    length(body) AS size, coalesce(duplicates, 0) AS duplicates
    FROM events LEFT JOIN keys ON keys.key = events.key WHERE id = ?`,
  page: `SELECT seq, id, events.key, state, event, job_id, pattern_id, received_at,
    length(body) AS size, coalesce(duplicates, 0) AS duplicates
    FROM events LEFT JOIN keys ON keys.key = events.key
    WHERE seq < ? ORDER BY seq DESC LIMIT ?`,
  deliveries: `SELECT processor, state, attempts, due_at, last_error FROM deliveries
    WHERE event_seq = ? ORDER BY processor`,
  body: "SELECT body FROM events WHERE id = ?",
  forgetKeys: "DELETE FROM keys WHERE expires_at <= ?",
  prunable: `SELECT seq, key FROM events WHERE received_at < ? AND state <> 'quarantined'
    AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event_seq = seq AND deliveries.state <> 2)
    ORDER BY seq LIMIT ?`,
  expireKey: "UPDATE keys SET expires_at = ? WHERE key = ?",
  deleteDeliveries: "DELETE FROM deliveries WHERE event_seq = ?",
  deleteEvent: "DELETE FROM events WHERE seq = ?",
  ping: "SELECT count(*) FROM (SELECT 1 FROM events LIMIT 1)",
};

interface EventRow {
  readonly seq: number;
  readonly id: string;
  readonly key: string;
  readonly state: EventState;
  readonly event: string | null;
  readonly job_id: string | null;
  readonly pattern_id: string | null;
  readonly received_at: number;
  readonly size: number;
  readonly duplicates: number;
}

interface DeliveryRow {
  readonly processor: string;
  readonly state: number;
  readonly attempts: number;
  readonly due_at: number;
  readonly last_error: string | null;
}

interface DueRow {
  readonly event_seq: number;
  readonly processor: string;
  readonly attempts: number;
  readonly fence: number;
}

interface ClaimedEventRow {
  readonly id: string;
  readonly state: EventState;
  readonly received_at: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** An open file and its prepared statements. */
interface Connection {
  readonly database: DatabaseSync;
  /** The first row, or undefined. */
  one<Row>(statement: keyof typeof statements, ...values: SQLInputValue[]): Row | undefined;
  all<Row>(statement: keyof typeof statements, ...values: SQLInputValue[]): Row[];
  /** How many rows changed. */
  run(statement: keyof typeof statements, ...values: SQLInputValue[]): number;
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
  { now = Date.now, busyTimeoutMs = 4_000 }: SqliteStorageOptions = {},
): Storage {
  let connection: Connection | undefined;
  let turn = 0;

  // `node:sqlite` waits for a lock by blocking the thread, and with it every other request; so
  // SQLite is told not to wait, and the waiting is done here.
  const whileBusy = async <T>(
    work: (connection: Connection) => T,
    signal?: AbortSignal,
  ): Promise<T> => {
    const giveUpAt = performance.now() + busyTimeoutMs;
    for (let wait = 2;; wait = Math.min(wait * 2, 50)) {
      try {
        return work(connection ??= open(path));
      } catch (cause) {
        const error = classify(cause, path);
        const late = signal?.aborted || performance.now() + wait > giveUpAt;
        if (error.code !== "busy" || late) throw error;
      }
      await pause(wait * (0.5 + Math.random()), signal);
    }
  };

  const read = whileBusy;

  const write = <T>(work: (connection: Connection) => T, signal?: AbortSignal): Promise<T> =>
    whileBusy((open) => transact(open, work), signal);

  return {
    accept: (event, signal) => write((connection) => accept(connection, event, now()), signal),
    async claim(request) {
      const time = now();
      // Most polls find nothing, and need no write lock to see it.
      const anyDue = (connection: Connection) =>
        request.processors.some((name) => connection.one("anyDue", name, time) !== undefined);
      if (!await read(anyDue)) return { claims: [], exhausted: [] };
      return await write((connection) => claim(connection, request, turn++, now()));
    },
    renew: (lease, leaseMs) =>
      write((connection) => {
        const event = connection.one<EventRow>("eventOfLease", lease.eventId);
        if (event === undefined) return false;
        const { processor, fence } = lease;
        return connection.run("renew", Math.ceil(now() + leaseMs), event.seq, processor, fence) ===
          1;
      }),
    settle: (lease, outcome) => write((connection) => settle(connection, lease, outcome, now())),
    get: (id) =>
      read((connection) => {
        const row = connection.one<EventRow>("event", id);
        return row && describe(connection, row);
      }),
    body: (id) => read((connection) => connection.one<ClaimedEventRow>("body", id)?.body),
    list: ({ limit, cursor }) => read((connection) => list(connection, limit, cursor)),
    prune: ({ receivedBefore, limit }) =>
      write((connection) => prune(connection, receivedBefore, limit, now())),
    ping: () => read((connection) => void connection.one("ping")),
    // deno-lint-ignore require-await -- so that a failure is a rejection
    async close() {
      connection?.database.close();
    },
  };
}

function open(path: string): Connection {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA busy_timeout = 0");
    migrate(database, path);
    const prepared = new Map<string, StatementSync>();
    const prepare = (name: keyof typeof statements): StatementSync => {
      let statement = prepared.get(name);
      if (statement === undefined) {
        statement = database.prepare(statements[name]);
        prepared.set(name, statement);
      }
      return statement;
    };
    return {
      database,
      one: <Row>(name: keyof typeof statements, ...values: SQLInputValue[]) =>
        prepare(name).get(...values) as Row | undefined,
      all: <Row>(name: keyof typeof statements, ...values: SQLInputValue[]) =>
        prepare(name).all(...values) as Row[],
      run: (name, ...values) => Number(prepare(name).run(...values).changes),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const pragma = (name: string) => Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
  const owner = pragma("application_id");
  const anyTable = database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() !== undefined;
  if (owner !== applicationId && (owner !== 0 || anyTable)) {
    throw new StorageError(
      "schema",
      `${path} is a SQLite database of something else: expected a new file or one of this program.`,
    );
  }
  const refuseNewer = () => {
    const version = pragma("user_version");
    if (version > migrations.length) {
      throw new StorageError(
        "schema",
        `${path} was written by a newer version: expected schema ${migrations.length} or older, ` +
          `got ${version}. Update imggo-webhooks.`,
      );
    }
    return version;
  };
  refuseNewer();
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  if (refuseNewer() === migrations.length) return;
  // Another process may be doing the same: the version counts once the lock is held.
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const migration of migrations.slice(refuseNewer())) database.exec(migration);
    database.exec(`PRAGMA application_id = ${applicationId}`);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function transact<T>(connection: Connection, work: (connection: Connection) => T): T {
  const { database } = connection;
  // A transaction that begins by reading and then writes fails at once where another one wrote.
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work(connection);
    database.exec("COMMIT");
    return result;
  } catch (error) {
    // Of some errors SQLite has rolled back by itself.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function accept(connection: Connection, event: NewEvent, time: number): Acceptance {
  const key = connection.one<{ event_id: string; duplicates: number }>(
    "addKey",
    event.key,
    event.id,
  );
  if (key !== undefined && key.duplicates > 0) {
    const first = connection.one<{ state: EventState; identical: number }>(
      "compareEvent",
      event.body,
      key.event_id,
    );
    return {
      id: key.event_id,
      duplicate: true,
      state: first?.state ?? event.state,
      identical: first === undefined || first.identical === 1,
    };
  }
  const ofJob = (name: string) =>
    event.state === "accepted"
      ? connection.all<{ seq: number }>("findOfJob", event.jobId, name).map(({ seq }) => seq)
      : [];
  const late = event.event === "job.failed" && ofJob("job.succeeded").length > 0;
  const state = late ? "superseded" : event.state;
  const added = connection.one<{ seq: number }>(
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
    const queues = processors.map((name) => connection.all<DueRow>("due", name, time, limit));
    for (const { event_seq, processor, attempts, fence } of interleave(queues, turn)) {
      if (claims.length === limit) break;
      const event = connection.one<ClaimedEventRow>("claimedEvent", event_seq);
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
  const event = connection.one<EventRow>("eventOfLease", lease.eventId);
  if (event === undefined) return false;
  const state = { succeeded: 2, dead: 3, retry: 0, released: 0 }[outcome.kind];
  const dueAt = { succeeded: null, dead: null, released: time, retry: time }[outcome.kind];
  const changed = connection.run(
    "settle",
    state,
    outcome.kind === "retry" ? Math.ceil(time + outcome.afterMs) : dueAt,
    outcome.kind === "released" ? 1 : 0,
    "error" in outcome ? outcome.error : null,
    event.seq,
    lease.processor,
    lease.fence,
  );
  if (changed === 1 && event.state === "superseded") connection.run("withdraw", event.seq);
  return changed === 1;
}

function describe(connection: Connection, row: EventRow): StoredEvent {
  return {
    id: row.id,
    key: row.key,
    state: row.state,
    event: row.event,
    jobId: row.job_id,
    patternId: row.pattern_id,
    receivedAt: row.received_at,
    size: row.size,
    duplicates: row.duplicates,
    deliveries: connection.all<DeliveryRow>("deliveries", row.seq).map((delivery): Delivery => ({
      processor: delivery.processor,
      state: deliveryStates[delivery.state] ?? "dead",
      attempts: delivery.attempts,
      dueAt: delivery.state < 2 ? delivery.due_at : null,
      lastError: delivery.last_error,
    })),
  };
}

function list(connection: Connection, limit: number, cursor: string | undefined): EventPage {
  const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor);
  // One more than asked for tells whether there is a next page.
  const rows = connection.all<EventRow>("page", before, limit + 1);
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
  const done = connection.all<{ seq: number; key: string }>("prunable", receivedBefore, limit);
  for (const { seq, key } of done) {
    connection.run("expireKey", time + keyRetentionMs, key);
    connection.run("deleteDeliveries", seq);
    connection.run("deleteEvent", seq);
  }
  return done.length;
}

// SQLite's primary result codes, and what their messages say: Deno's `exec` gives no code.
// https://www.sqlite.org/rescode.html
const classes: readonly (readonly [StorageErrorCode, codes: readonly number[], text: RegExp])[] = [
  ["busy", [5, 6], /database (?:table |schema )?is locked/],
  ["full", [13], /database or disk is full/],
  ["readonly", [8], /readonly database/],
  ["corrupt", [11, 26], /malformed|not a database|disk image/],
];

const advice: Readonly<Record<StorageErrorCode, string>> = {
  busy: "Another process holds the write lock.",
  full: "The disk is full: free some space.",
  readonly: "The file or its folder cannot be written: check their owner and mode.",
  corrupt: "The file is damaged. It was left as it is: restore it, or move it away.",
  schema: "The file has another schema.",
  unavailable: "Expected a file in a folder that is there and can be written.",
};

function classify(error: unknown, path: string): StorageError {
  if (error instanceof StorageError) return error;
  const { errcode, message = "" } = error as { errcode?: number; message?: string };
  const found = classes.find(([, codes, text]) =>
    (errcode !== undefined && codes.includes(errcode & 0xff)) || text.test(message)
  );
  const code = found?.[0] ?? "unavailable";
  return new StorageError(code, `SQLite ${path}: ${message}. ${advice[code]}`, { cause: error });
}
