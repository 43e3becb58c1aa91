import {
  createReceiver,
  PermanentError,
  type Processor,
  RetryLater,
  type Storage,
  transactional,
  type WorkerOptions,
} from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { postgresStorage } from "imggo-webhooks/storage/postgres";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { captureLog } from "../../support/captured-log.ts";
import { createGate } from "../../support/gate.ts";
import { newEvent } from "../../support/new-event.ts";
import { connectPg, connectPostgres, openPool } from "../../support/postgres-clients.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres-server.ts";
import { secret, signedRequest } from "../../support/signed-request.ts";
import { type WatchedStorage, watchStorage } from "../../support/watched-storage.ts";
import { success } from "../../support/wire.ts";

let server: PostgresServer;
let administrator: pg.Pool;
beforeAll(async () => {
  server = await startPostgres();
  administrator = openPool(server.url);
  await administrator.query(`CREATE TABLE parents (id int PRIMARY KEY);
    CREATE TABLE effects (id text PRIMARY KEY, place text NOT NULL,
      parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED)`);
});
afterAll(async () => {
  await administrator.end();
  await server.dispose();
});

/** A statement by a transaction of either client. */
type Run = (text: string) => Promise<unknown>;

/** How each client connects, and how its transactions run a statement. */
const clients = {
  pg: {
    connect: (max: number) => connectPg(server.url, { max }),
    runOf: (sql: unknown): Run => (text) => (sql as pg.PoolClient).query(text),
  },
  postgres: {
    connect: (max: number) => connectPostgres(server.url, { max }),
    runOf: (sql: unknown): Run => async (text) =>
      await (sql as { unsafe(text: string): PromiseLike<unknown> }).unsafe(text),
  },
};

let places = 0;

describe.each(["pg", "postgres"] as const)("transactional() by the client %s", (name) => {
  const { connect, runOf } = clients[name];

  interface Attempt {
    readonly run: Run;
    readonly id: string;
    readonly attempt: number;
    readonly signal: AbortSignal;
    /** Writes the effect of this attempt. */
    readonly write: (parent?: number) => Promise<unknown>;
  }

  /** A receiver whose one processor does this in each attempt, and what is seen of it. */
  function setUp(work: (attempt: Attempt) => unknown, options: WorkerOptions = {}, max = 4) {
    const place = `place_${++places}`;
    const storage = postgresStorage(connect(max), { schema: place });
    const watched = watchStorage(storage);
    const log = captureLog();
    const effect = transactional((_, { sql, id, attempt, signal }) => {
      const run = runOf(sql);
      const write = (parent?: number) =>
        run(`INSERT INTO effects VALUES ('${id}', '${place}', ${parent ?? "NULL"})`);
      return work({ run, id, attempt, signal, write });
    });
    const receiver = createReceiver({
      secret,
      storage: watched.storage,
      processors: { effect },
      worker: { pollMs: 50, backoff: { firstMs: 1, maxMs: 1 }, ...options },
      logger: log.logger,
    });
    onTestFinished(() => receiver.stop());
    const send = async (jobId = "job") => {
      const response = await receiver.fetch(await signedRequest({ ...success, job_id: jobId }));
      return (await response.json()).id as string;
    };
    const effects = async () => {
      const { rows } = await administrator.query("SELECT id FROM effects WHERE place = $1", [
        place,
      ]);
      return rows.map(({ id }) => id);
    };
    return { storage, log, place, send, effects, ...seen(storage, watched) };
  }

  function seen(storage: Storage, { settled }: WatchedStorage) {
    return {
      settled,
      /** What is stored of the delivery, once it has ended. */
      ended(id: string) {
        return expect.poll(async () => (await storage.get(id))?.deliveries[0], {
          interval: 20,
          timeout: 10_000,
        });
      },
    };
  }

  test("commits the rows and the success together", async () => {
    const written = createGate();
    const commit = createGate();
    const { send, effects, storage, ended } = setUp(async ({ write }) => {
      await write();
      written.open();
      await commit.opened;
    });
    const id = await send();
    await written.opened;
    expect(await effects()).toEqual([]);
    expect((await storage.get(id))?.deliveries).toMatchObject([{ state: "running" }]);
    commit.open();
    await ended(id).toMatchObject({ state: "succeeded", attempts: 1 });
    expect(await effects()).toEqual([id]);
  });

  test("undoes the rows of an attempt that throws, and runs it again", async () => {
    const { send, effects, ended } = setUp(async ({ write, attempt }) => {
      await write();
      if (attempt < 3) throw new Error(`attempt ${attempt}`);
    });
    const id = await send();
    await ended(id).toMatchObject({
      state: "succeeded",
      attempts: 3,
      lastError: "Error: attempt 2",
    });
    expect(await effects()).toEqual([id]);
  });

  test("keeps the meaning of RetryLater and PermanentError", async () => {
    const { send, effects, ended, settled } = setUp(async ({ write, attempt }) => {
      await write();
      if (attempt === 1) throw new RetryLater(30);
      throw new PermanentError("never");
    });
    const id = await send();
    await ended(id).toMatchObject({ state: "dead", attempts: 2 });
    expect(settled.items).toMatchObject([
      { outcome: { kind: "retry", afterMs: 30 } },
      { outcome: { kind: "dead", error: "PermanentError: never" } },
    ]);
    expect(await effects()).toEqual([]);
  });

  test("undoes the rows where another one has the lease", async () => {
    const gate = createGate();
    const running = createGate();
    const { send, effects, log, place, storage } = setUp(async ({ write }) => {
      await write();
      running.open();
      await gate.opened;
    });
    const id = await send();
    await running.opened;
    await administrator.query(`UPDATE ${place}.deliveries SET fence = fence + 1`);
    gate.open();
    await expect.poll(() => log.of("lease lost")).toHaveLength(1);
    expect(await effects()).toEqual([]);
    expect((await storage.get(id))?.deliveries)
      .toMatchObject([{ state: "running", attempts: 1, lastError: null }]);
  });

  test("undoes the rows where its connection is ended in the middle", async () => {
    const { send, effects, ended } = setUp(async ({ write, run, attempt }) => {
      await write();
      if (attempt === 1) await run("SELECT pg_terminate_backend(pg_backend_pid())");
    });
    const id = await send();
    await ended(id).toMatchObject({ state: "succeeded", attempts: 2 });
    expect(await effects()).toEqual([id]);
  });

  test("fails where the processor goes on after an error of SQL", async () => {
    const { send, effects, ended } = setUp(async ({ write, run, attempt }) => {
      await write();
      if (attempt === 1) await run("SELECT 1 / 0").catch(() => {});
    });
    const id = await send();
    await ended(id).toMatchObject({
      state: "succeeded",
      attempts: 2,
      lastError: expect.stringMatching(/division by zero|transaction is aborted/),
    });
    expect(await effects()).toEqual([id]);
  });

  test("does not count as done what the server did not commit", async () => {
    const { send, effects, ended } = setUp(async ({ write, run, attempt }) => {
      await write();
      // Not awaited, it fails after the success of the delivery was written, before the commit.
      if (attempt === 1) setImmediate(() => void run("SELECT 1 / 0").catch(() => {}));
    });
    const id = await send();
    await ended(id).toMatchObject({
      state: "succeeded",
      attempts: 2,
      lastError: expect.stringMatching(/nothing was committed|division by zero/),
    });
    expect(await effects()).toEqual([id]);
  });

  test("fails where a deferred constraint fails at the commit", async () => {
    const { send, effects, ended } = setUp(async ({ write, attempt }) => {
      await write(attempt === 1 ? 404 : undefined);
    });
    const id = await send();
    await ended(id).toMatchObject({
      state: "succeeded",
      attempts: 2,
      lastError: expect.stringMatching(/foreign key/),
    });
    expect(await effects()).toEqual([id]);
  });

  test("commits nothing of an attempt that ends after its time", async () => {
    const late = createGate();
    const wrote = createGate();
    const { send, effects, ended, storage } = setUp(async ({ write, attempt }) => {
      if (attempt > 1) throw new PermanentError("never");
      await late.opened;
      await write();
      wrote.open();
    }, { timeoutMs: 50 });
    const id = await send();
    await ended(id).toMatchObject({ state: "dead", attempts: 2 });
    late.open();
    await wrote.opened;
    // What ends that transaction comes before what is asked on its connection next.
    await Promise.all(Array.from({ length: 8 }, () => storage.ping()));
    expect(await effects()).toEqual([]);
    expect((await storage.get(id))?.deliveries).toMatchObject([{ state: "dead", attempts: 2 }]);
  });

  test("lives on with as many attempts as connections, each longer than its lease", async () => {
    let runs = 0;
    const { send, storage, effects } = setUp(
      async ({ write, signal, run }) => {
        runs++;
        await write();
        if (runs > 4) return;
        await run("SELECT pg_sleep(0.8)");
        signal.throwIfAborted();
      },
      { concurrency: 2, leaseMs: 600, maxAttempts: 20 },
      2,
    );
    const ids = [await send("one"), await send("two"), await send("three")];
    await expect.poll(
      async () =>
        (await Promise.all(ids.map((id) => storage.get(id))))
          .map((event) => event?.deliveries[0]?.state),
      { timeout: 15_000 },
    ).toEqual(["succeeded", "succeeded", "succeeded"]);
    expect((await effects()).sort()).toEqual([...ids].sort());
  });
});

test("complete() by the client postgres does not take a rollback for a commit", async () => {
  const storage = postgresStorage(connectPostgres(server.url, { max: 1 }), {
    schema: "rolled_back",
  });
  const [first, second] = [await newEvent(), await newEvent()];
  for (const event of [first, second]) await storage.accept(event);
  const request = { processors: ["a"], limit: 1, leaseMs: 60_000, maxAttempts: 8 };
  const complete = async (text: string) => {
    const [claim] = (await storage.claim(request)).claims;
    return await storage.complete?.(claim!, (sql) => clients.postgres.runOf(sql)(text));
  };
  expect(await complete("SELECT 1")).toBe(true);
  // Its `commit` is a prepared statement. Where that is gone, as behind a pooler, the transaction has
  // failed, and it commits once more: the server rolls back.
  await expect(complete("DEALLOCATE ALL")).rejects.toThrow(/nothing was committed/);
  expect((await storage.get(first.id))?.deliveries).toMatchObject([{ state: "succeeded" }]);
  expect((await storage.get(second.id))?.deliveries).toMatchObject([{ state: "running" }]);
});

test.each([
  ["memory", () => memoryStorage()],
  ["sqlite", () => sqliteStorage(":memory:")],
])("createReceiver() refuses what is transactional on the storage %s", (_, open) => {
  const storage = open();
  onTestFinished(() => storage.close());
  const processors: Record<string, Processor> = { plain() {}, effect: transactional(() => {}) };
  expect(() => createReceiver({ secret, storage, processors })).toThrow(
    "createReceiver(): processors.effect: expected a storage with transactions, as PostgreSQL's, " +
      "for what is transactional.",
  );
});
