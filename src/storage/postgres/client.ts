import { pause, within } from "../../deadline.ts";
import { StorageError } from "../storage.ts";
import { codeOf } from "./classify.ts";

/** A client of the package `postgres`, or one that is made like it, such as Bun's `SQL`. */
export interface PostgresSql extends PostgresTransaction {
  /** Runs work as a transaction, on one connection. */
  begin<T>(
    options: string,
    work: (transaction: PostgresTransaction) => Promise<T>,
  ): Promise<unknown>;
  /** Bun's has none: then nothing wakes a worker but its own asking. */
  listen?(
    channel: string,
    onNotify: () => void,
    onListen: () => void,
  ): Promise<{ unlisten(): Promise<void> }>;
}

/** What a client like `postgres` runs a query by. */
export interface PostgresTransaction {
  /** Runs a query with its parameters. */
  // deno-lint-ignore no-explicit-any -- each client has narrower types of its own
  unsafe(text: string, values?: any[]): PromiseLike<any>;
}

/** A `Pool` of the package `pg`. */
export interface PgPool {
  /** How many connections it has. A `Client`, which is but one, has no such number. */
  readonly totalCount: number;
  /** Of a pool with `max` 1 none is kept to listen. */
  readonly options?: { readonly max?: number | undefined };
  /** Lends a connection, once there is one. */
  connect(): Promise<PgClient>;
  /** Is told of new connections, and of those that break off while nobody has them. */
  // deno-lint-ignore no-explicit-any -- Node's EventEmitter takes any listener
  on(event: "connect" | "error", listener: (...values: any[]) => void): unknown;
}

/** A connection that a `Pool` of the package `pg` lends. */
export interface PgClient {
  /** Runs a query with its parameters. */
  // deno-lint-ignore no-explicit-any -- each client has narrower types of its own
  query(text: string, values?: any[]): Promise<{ rows: any[]; command: string }>;
  /** Gives the connection back; destroyed, it is not lent again. */
  release(destroy?: boolean): void;
  /** Adds a listener. */
  // deno-lint-ignore no-explicit-any -- Node's EventEmitter takes any listener
  on(event: string, listener: (...values: any[]) => void): unknown;
  /** Removes a listener. */
  // deno-lint-ignore no-explicit-any -- Node's EventEmitter takes any listener
  off(event: string, listener: (...values: any[]) => void): unknown;
}

/** What the storage can work with. */
export type PostgresClient = PostgresSql | PgPool;

/**
 * Runs one statement, or without values several; the rows of the last one.
 *
 * @param withinMs How long its answer may take. Default 10,000; a connection that has none by then is
 * given up.
 */
export type Query = <Row>(
  text: string,
  values?: readonly unknown[],
  withinMs?: number,
) => Promise<Row[]>;

/** A database, by whichever client. */
export interface Database {
  readonly query: Query;
  /**
   * Runs a function in a transaction, which commits when its promise resolves.
   *
   * @param work Gets `sql`, the client's own handle of the transaction, for a user's statements.
   */
  transaction<T>(work: (query: Query, sql: unknown) => Promise<T>): Promise<T>;
  /** Calls a function at each notification of a channel, until it is ended. It reconnects. */
  listen(channel: string, onNotify: () => void): () => void;
}

// A connection that has not answered for so long is given up: its other end may be gone without a
// word, and a pool of such connections would never recover.
const answerWithinMs = 10_000;

// As often a connection that only listens is asked for an answer, for the same reason.
const askEveryMs = 30_000;

// What a step has to see of others' commits, whatever the server's default is.
const isolation = "ISOLATION LEVEL READ COMMITTED";

const answered = <T>(answer: Promise<T>, withinMs: number = answerWithinMs): Promise<T> =>
  within(
    answer,
    withinMs,
    () => new StorageError("unavailable", `PostgreSQL gave no answer within ${withinMs} ms.`),
  );

/** PostgreSQL ends a transaction in which a statement failed by a rollback, and calls that no error. */
const notCommitted = () =>
  Object.assign(new Error("a statement failed, and nothing was committed"), { code: "25P02" });

/**
 * What is common to the clients.
 *
 * @throws {TypeError} when it is none of them.
 */
export function databaseOf(client: PostgresClient): Database {
  const { unsafe, begin, connect, totalCount } = Object(client) as Partial<PostgresSql & PgPool>;
  if (typeof unsafe === "function" && typeof begin === "function") {
    return fromSql(client as PostgresSql);
  }
  if (typeof connect === "function" && typeof totalCount === "number") {
    return fromPool(client as PgPool);
  }
  throw new TypeError(
    "postgresStorage() expects what `postgres(url)` gives, or `new Pool()` of the package `pg`: " +
      "one connection is not enough.",
  );
}

function fromSql(client: PostgresSql): Database {
  const queryOf = (sql: PostgresTransaction): Query => async (text, values, withinMs) =>
    await answered(Promise.resolve(sql.unsafe(text, values && [...values])), withinMs);
  return {
    query: queryOf(client),
    async transaction<T>(work: (query: Query, sql: unknown) => Promise<T>) {
      let lost = false;
      let transactionId: unknown;
      const ended = client.begin(isolation, async (sql) => {
        const query = queryOf(sql);
        const [worked] = await Promise.allSettled([(async () => {
          const result = await work(query, sql);
          const [row] = await query<{ id: string }>("SELECT pg_current_xact_id()::text AS id");
          transactionId = row?.id;
          return result;
        })()]);
        if (worked.status === "fulfilled") return worked.value;
        // Once a connection is closed, `ended` rejects; `postgres` would roll back all the same, and
        // throw where nobody can catch it: https://github.com/porsager/postgres/issues/1208
        await pause(0);
        return lost ? await new Promise<never>(ignore) : await Promise.reject(worked.reason);
      });
      ended.catch(() => lost = true);
      const result = await ended as T;
      // These clients do not tell that a commit was answered by a rollback.
      const [row] = await queryOf(client)<{ status: string }>(
        "SELECT pg_xact_status($1::text::xid8) AS status",
        [transactionId],
      );
      if (row?.status !== "committed") throw notCommitted();
      return result;
    },
    listen: (channel, onNotify) =>
      keepListening(async (signal) => {
        // The client itself connects again where it has to; each time it listens anew, something may
        // have come while nobody did.
        const subscription = await client.listen?.(channel, onNotify, onNotify);
        await aborted(signal);
        await subscription?.unlisten();
      }),
  };
}

const heard = new WeakSet<PgPool>();

/**
 * Hears what is an exception where nobody does: the end of an idle connection, and of a new one that
 * the server ends in the same breath in which it is lent. Once, however many storages a pool has.
 */
function hear(pool: PgPool): void {
  if (heard.has(pool)) return;
  heard.add(pool);
  pool.on("error", ignore);
  pool.on("connect", (client: PgClient) => client.on("error", ignore));
}

function fromPool(pool: PgPool): Database {
  hear(pool);

  /** Lends a connection. One on which the work fails is not used again. */
  const borrow = async <T>(work: (client: PgClient) => Promise<T>): Promise<T> => {
    const connecting = pool.connect();
    const client = await answered(connecting).catch((error) => {
      connecting.then((late) => late.release(), ignore);
      throw error;
    });
    // Of one that the pool had before, nobody hears it while it is lent.
    client.on("error", ignore);
    let broken = true;
    try {
      const result = await work(client);
      broken = false;
      return result;
    } catch (error) {
      broken = !isAnswer(error);
      throw error;
    } finally {
      client.off("error", ignore);
      client.release(broken);
    }
  };

  const queryOf = (client: PgClient): Query => async (text, values, withinMs) =>
    (await answered(client.query(text, values && [...values]), withinMs)).rows;

  return {
    query: (...query) => borrow((client) => queryOf(client)(...query)),
    async transaction(work) {
      const [ended] = await Promise.allSettled([borrow(async (client) => {
        const query = queryOf(client);
        await query(`BEGIN ${isolation}`);
        const [worked] = await Promise.allSettled([work(query, client)]);
        if (worked.status === "rejected") {
          await query("ROLLBACK");
        } else {
          const { command } = await answered(client.query("COMMIT"));
          if (command !== "COMMIT") throw notCommitted();
        }
        return worked;
      })]);
      const result = ended.status === "fulfilled" ? ended.value : ended;
      if (result.status === "rejected") throw result.reason;
      return result.value;
    },
    listen(channel, onNotify) {
      if (pool.options?.max === 1) return ignore;
      return keepListening((signal) =>
        borrow(async (client) => {
          const query = queryOf(client);
          const end = new AbortController();
          const onEnd = () => end.abort();
          const ended = AbortSignal.any([signal, end.signal]);
          client.on("notification", onNotify);
          client.on("end", onEnd);
          try {
            await query(`LISTEN "${channel}"`);
            // What came while nobody listened.
            onNotify();
            while (!ended.aborted) {
              await pause(askEveryMs, ended);
              if (!ended.aborted) await query("SELECT 1");
            }
          } finally {
            client.off("notification", onNotify);
            client.off("end", onEnd);
          }
          // So that the connection, which still listens, is not used for anything else.
          throw new StorageError("unavailable", "PostgreSQL: no longer listening.");
        })
      );
    },
  };
}

/** Listens again and again until it is ended. */
function keepListening(listen: (signal: AbortSignal) => Promise<void>): () => void {
  const ending = new AbortController();
  void (async () => {
    for (let wait = 500; !ending.signal.aborted; wait = Math.min(wait * 2, 30_000)) {
      const startedAt = performance.now();
      await listen(ending.signal).catch(ignore);
      if (performance.now() - startedAt > 60_000) wait = 500;
      await pause(wait * (0.5 + Math.random()), ending.signal);
    }
  })();
  return () => ending.abort();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Whether an error is an answer of PostgreSQL, by its SQLSTATE, and its connection can be used again:
 * not where the server ends it, nor where it cannot write, and a new one may reach one that can.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
function isAnswer(error: unknown): boolean {
  return /^(?!57P|08|XX|25006|25P0[34])[0-9FHPX][0-9A-Z]{4}$/.test(codeOf(error));
}

function ignore(): void {}
