import { pause, within } from "../deadline.ts";
import { acceptanceOf, acceptValues } from "./postgres/accept-values.ts";
import { createActivity } from "./postgres/activity.ts";
import { createAttempts } from "./postgres/attempts.ts";
import { classify, mayPass } from "./postgres/classify.ts";
import { type Database, databaseOf, type PostgresClient, type Query } from "./postgres/client.ts";
import { createDeadGroups } from "./postgres/dead-groups.ts";
import { type DescribedRow, describeEvent } from "./postgres/describe.ts";
import { createExpectations } from "./postgres/expectations.ts";
import { createList } from "./postgres/list.ts";
import { migrate } from "./postgres/migrate.ts";
import { createNotifier } from "./postgres/notifier.ts";
import { createRedelivery } from "./postgres/redeliver.ts";
import { createRejections } from "./postgres/rejections.ts";
import { settle } from "./postgres/settle.ts";
import { createSucceed } from "./postgres/succeed.ts";
import { oneRow } from "./postgres/one-row.ts";
import {
  type AcceptRow,
  type ClaimRow,
  type Statements,
  statementsFor,
} from "./postgres/statements.ts";
import { createStats } from "./postgres/stats.ts";
import { createWatermarks } from "./postgres/watermarks.ts";
import {
  type Acceptance,
  type Claim,
  type ClaimRequest,
  type ClaimResult,
  keyRetentionMs,
  lastAttemptLost,
  type Lease,
  type Storage,
  StorageError,
} from "./storage.ts";

export type {
  PgClient,
  PgPool,
  PostgresClient,
  PostgresSql,
  PostgresTransaction,
} from "./postgres/client.ts";

/** What {@linkcode postgresStorage} takes beside a client. */
export interface PostgresStorageOptions {
  /**
   * The schema in which the storage keeps its tables: 1 to 50 lower-case letters, digits and `_`,
   * no digit and no `pg_` first. Default `imggo_webhooks`. It is made where it is missing.
   */
  readonly schema?: string;
}

// How long a call waits for a database that is away, where its caller sets no end.
const retryWithinMs = 4_000;

// Some clients wait for ever for an answer that is lost, and everybody would wait with them.
const migrateWithinMs = 30_000;

/**
 * Keeps events in PostgreSQL (14 or newer, a database in UTF-8), for any number of receivers and
 * workers at once. As durable as the server's `synchronous_commit`, which is on by default: an event
 * is on the server's disk before its promise resolves.
 *
 * The tables are made, or migrated, at the first use, and until that succeeds at every use. What is
 * on the way of a request needs nothing of its session and goes through a transaction pooler;
 * `LISTEN`, by which workers hear of new events, does not: behind one they ask once a second. With
 * one, `postgres` wants the option `prepare: false`, or it fails to commit what is `transactional`.
 *
 * For a process that lasts, `Pool` of `pg` with a `connectionTimeoutMillis` is the soundest client: a
 * connection whose other end is gone without a word is given up after 10 s. With `postgres` and Bun's
 * `SQL` the calls on such a one fail after 10 s, too, but only the operating system ends it, on Linux
 * after a quarter of an hour. And `postgres` 3.4 may lose a connection for good, or throw outside of
 * any promise, when it is closed amid a write (https://github.com/porsager/postgres/issues/1208).
 *
 * @param client What `postgres(url)` gives, without `transform`; a `Pool` of `pg`; or Bun's `SQL`. It
 * stays the caller's: `close()` does not end it. `Pool` lends one connection to a worker that listens,
 * and each `transactional` processor has one while it runs: with fewer than those and one more, leases
 * cannot be renewed, and what takes longer than its lease is run again.
 * @throws {TypeError} when an argument is none of these.
 */
export function postgresStorage(
  client: PostgresClient,
  { schema = "imggo_webhooks" }: PostgresStorageOptions = {},
): Storage {
  if (!/^(?!pg_)[a-z_][a-z0-9_]{0,49}$/.test(schema)) {
    throw new TypeError(
      "postgresStorage() expects a schema of 1 to 50 lower-case letters, digits and _, which begins " +
        "with no digit and not with pg_.",
    );
  }
  const database = databaseOf(client);
  const quoted = `"${schema}"`;
  const statements = statementsFor(quoted);
  const notifier = createNotifier(() => database.query(statements.notify, [schema]));
  const watermarks = createWatermarks();
  const succeed = createSucceed(async (leases) => {
    const row = oneRow(await run<{ held: string }>("succeed", [JSON.stringify(leases)]));
    return JSON.parse(row.held);
  });
  const subscriptions = new Set<() => void>();
  let migrated: Promise<void> | undefined;
  let closed = false;
  let turn = 0;

  const use = async <T>(work: (database: Database) => Promise<T>): Promise<T> => {
    if (closed) throw new StorageError("unavailable", "PostgreSQL: the storage is closed.");
    try {
      migrated ??= within(
        migrate(database, schema),
        migrateWithinMs,
        () => new StorageError("unavailable", "PostgreSQL: the tables could not be made in time."),
      );
      await migrated.catch((error) => {
        migrated = undefined;
        throw error;
      });
      return await work(database);
    } catch (cause) {
      const error = classify(cause);
      // The schema may have been dropped.
      if (error.code === "schema") migrated = undefined;
      throw error;
    }
  };

  const query: Query = (text, values) => use((database) => database.query(text, values));
  const run = <Row>(name: keyof Statements, values: readonly unknown[]): Promise<Row[]> =>
    query<Row>(statements[name], values);

  /** Tries again while a server is away or fails over: a commit of which nobody knows included. */
  const persist = async <T>(work: () => Promise<T>, signal: AbortSignal | undefined) => {
    const giveUpAt = performance.now() + retryWithinMs;
    for (let wait = 25;; wait = Math.min(wait * 2, 400)) {
      try {
        return await work();
      } catch (error) {
        const passes = error instanceof StorageError && mayPass(error) && !closed;
        if (!passes || signal?.aborted || performance.now() > giveUpAt) throw error;
      }
      await pause(wait * (0.5 + Math.random()), signal);
    }
  };

  return {
    async accept(event, signal, lease): Promise<Acceptance> {
      const values = acceptValues(event, lease);
      const work = async () => oneRow(await run<AcceptRow>("accept", values));
      const accepted = acceptanceOf(event, await persist(work, signal), lease);
      const { duplicate, claims = [] } = accepted;
      if (!duplicate && event.processors.length > claims.length) notifier.notify();
      return accepted;
    },

    async claim(request: ClaimRequest): Promise<ClaimResult> {
      const { processors, limit, leaseMs, maxAttempts } = request;
      const claims: Claim[] = [];
      const exhausted: Lease[] = [];
      if (processors.length === 0) return { claims, exhausted };
      let skipped = false;
      do {
        const room = limit - claims.length;
        const rows = await run<ClaimRow>("claim", [
          JSON.stringify(watermarks.of(processors)),
          room,
          leaseMs,
          maxAttempts,
          turn++ % processors.length,
          lastAttemptLost,
        ]).catch((error) => {
          // What was claimed before is not left to run out.
          if (claims.length + exhausted.length > 0) return [];
          throw error;
        });
        watermarks.learn(rows);
        for (const row of rows) {
          const { id: eventId, processor, fence } = row;
          if (row.what === "exhausted") exhausted.push({ eventId, processor, fence });
          if (row.what !== "claimed") continue;
          claims.push({
            eventId,
            processor,
            fence,
            attempt: row.attempts,
            receivedAt: row.received_at,
            body: new Uint8Array(row.body ?? []),
            traceParent: row.trace_parent,
          });
        }
        // What is not run took the place of what is due behind it.
        skipped = rows.some(({ what }) => what === "exhausted" || what === "withdrawn");
      } while (skipped && claims.length < limit);
      return { claims, exhausted };
    },

    async renew({ eventId, processor, fence }, leaseMs) {
      return (await run("renew", [eventId, processor, fence, leaseMs])).length === 1;
    },

    settle: (lease, outcome) =>
      outcome.kind === "succeeded"
        ? succeed(lease)
        : settle(query, statements.settle, lease, outcome),

    async complete(lease, work) {
      // Thrown, so that what the work wrote is undone.
      const lost = new Error("The lease is lost.");
      let failure: { readonly error: unknown } | undefined;
      try {
        await use(({ transaction }) =>
          transaction(async (query, sql) => {
            try {
              await work(sql);
            } catch (error) {
              failure = { error };
              throw error;
            }
            const held = await settle(query, statements.settle, lease, { kind: "succeeded" });
            if (!held) {
              failure = { error: lost };
              throw lost;
            }
          })
        );
        return true;
      } catch (error) {
        if (failure === undefined) throw error;
        if (failure.error === lost) return false;
        throw failure.error;
      }
    },

    onDue(wake) {
      const end = database.listen(schema, wake);
      subscriptions.add(end);
      return () => {
        subscriptions.delete(end);
        end();
      };
    },

    async get(id) {
      const [row] = await run<DescribedRow>("event", [id]);
      return row && describeEvent(row);
    },

    async body(id) {
      const [row] = await run<{ body: Uint8Array }>("body", [id]);
      return row && new Uint8Array(row.body);
    },

    attempts: createAttempts(query, quoted),
    list: createList(query, quoted),
    deadGroups: createDeadGroups(query, quoted),
    stats: createStats(query, quoted),
    ...createRedelivery(query, quoted, notifier.notify),
    activity: createActivity(query, quoted),
    expectations: createExpectations(query, quoted),
    rejections: createRejections(query, quoted),

    async prune({ receivedBefore, limit }) {
      const values = [receivedBefore, limit, keyRetentionMs];
      return oneRow(await run<{ count: number }>("prune", values)).count;
    },

    async ping() {
      await run("ping", []);
    },

    // deno-lint-ignore require-await -- so that a failure is a rejection
    async close() {
      closed = true;
      for (const end of subscriptions) end();
      subscriptions.clear();
    },
  };
}
