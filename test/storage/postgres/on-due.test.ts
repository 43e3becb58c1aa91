import { createReceiver, type Storage } from "imggo-webhooks";
import { postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { createWorker } from "../../../src/worker.ts";
import { newEvent } from "../../support/new-event.ts";
import { type ClientOptions, clients, connectPg } from "../../support/postgres-clients.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres-server.ts";
import { startProxy } from "../../support/tcp-proxy.ts";
import { createQueue } from "../../support/queue.ts";
import { secret, signedRequest } from "../../support/signed-request.ts";
import { success } from "../../support/wire.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.dispose());

const hour = 3_600_000;

/** The processes of the server that listen. */
async function listeners(): Promise<number[]> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity
    WHERE query ILIKE 'listen %' AND pid <> pg_backend_pid()`);
  await client.end();
  return rows.map(({ pid }) => pid);
}

async function terminate(pids: readonly number[]): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid", [pids]);
  await client.end();
}

/** Listens until the test ends; the wakes, one after another. */
function listen(storage: Storage) {
  const wakes = createQueue<void>();
  const end = storage.onDue?.(() => wakes.push()) ?? expect.fail();
  onTestFinished(end);
  return { wakes, end };
}

/** Accepts until a wake comes, which may be lost while nobody listens. */
async function acceptUntilWoken(storage: Storage, woken: Promise<void>) {
  let done = false;
  woken.then(() => done = true);
  await vi.waitFor(async () => {
    await storage.accept(await newEvent());
    expect(done).toBe(true);
  }, { timeout: 10_000, interval: 100 });
}

describe.each(clients)("onDue() by the client %s", (client, connect) => {
  const open = (schema: string, options?: ClientOptions): Storage =>
    postgresStorage(connect(server.url, options), { schema: `${schema}_${client}` });

  test("wakes when another storage has stored what is due, and not for what is not", async () => {
    const [listening, storing] = [open("woken"), open("woken")];
    const { wakes } = listen(listening);
    await acceptUntilWoken(storing, wakes.next());
    // Those of the connection's start, and of the burst above, come before this one's.
    await vi.waitFor(async () => expect(await listeners()).toHaveLength(1));
    const count = wakes.items.length;
    const event = await newEvent();
    const startedAt = performance.now();
    await storing.accept(event);
    await vi.waitFor(() => expect(wakes.items.length).toBeGreaterThan(count), { interval: 5 });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  test("wakes when another storage has redelivered or redriven", async () => {
    const [listening, storing] = [open("redelivered"), open("redelivered")];
    const processors = ["a", "b"];
    const { id } = await storing.accept(await newEvent({ processors }));
    const request = { processors, limit: 2, leaseMs: hour, maxAttempts: 8 };
    for (const claim of (await storing.claim(request)).claims) {
      await storing.settle(claim, { kind: "dead", error: "no" });
    }
    const { wakes } = listen(listening);
    // By which it says that it listens.
    await wakes.next();
    for (
      const makeDue of [
        () => storing.redeliver(id, ["a"]),
        () => storing.redrive({ limit: 10 }),
      ]
    ) {
      const woken = wakes.next();
      expect(await makeDue()).toBe(1);
      await woken;
    }
  });

  test("listens again when its connection is ended, and when the server was", async () => {
    const [listening, storing] = [open("again"), open("again")];
    const { wakes } = listen(listening);
    await acceptUntilWoken(storing, wakes.next());
    const pids = await vi.waitFor(async () => {
      const found = await listeners();
      expect(found).toHaveLength(1);
      return found;
    });
    await terminate(pids);
    await wakes.take(wakes.items.length - 1);
    await acceptUntilWoken(storing, wakes.next());

    await server.stop();
    const count = wakes.items.length;
    await server.start();
    await vi.waitFor(async () => {
      await storing.accept(await newEvent());
      expect(wakes.items.length).toBeGreaterThan(count);
    }, { timeout: 15_000, interval: 200 });
    expect(await listeners()).toHaveLength(1);
  });

  test("wakes whenever it listens anew, for what came while it did not", async () => {
    const { wakes } = listen(open("anew"));
    await wakes.next();
    await terminate(await listeners());
    await wakes.next();
  });

  test("starts while the server is away", async () => {
    const [listening, storing] = [open("early"), open("early")];
    await storing.ping();
    await server.stop();
    const { wakes } = listen(listening);
    await expect(listening.ping()).rejects.toMatchObject({ code: "unavailable" });
    await server.start();
    await acceptUntilWoken(storing, wakes.next());
    expect(await listeners()).toHaveLength(1);
  });

  test("lets go of what it listened by", async () => {
    const storage = open("ended");
    const { wakes, end } = listen(storage);
    await acceptUntilWoken(storage, wakes.next());
    end();
    // The client `postgres` keeps its connection, but listens no more.
    await vi.waitFor(async () => expect(await listeners()).toEqual([]));
    const count = wakes.items.length;
    await storage.accept(await newEvent());
    await storage.ping();
    expect(wakes.items).toHaveLength(count);

    const another = listen(storage);
    await acceptUntilWoken(storage, another.wakes.next());
    await storage.close();
    await vi.waitFor(async () => expect(await listeners()).toEqual([]));
  });

  test("lets go also where it is ended before it listens", async () => {
    const { wakes, end } = listen(open("ended_early"));
    end();
    await wakes.next();
    await vi.waitFor(async () => expect(await listeners()).toEqual([]));
  });

  test("lets a worker that hardly ever asks start at once what a receiver stored", async () => {
    const [working, receiving] = [open("roles"), open("roles")];
    const ran = createQueue<number>();
    const worker = createWorker(
      { storage: working, processors: { a: () => ran.push(performance.now()) } },
      { pollMs: hour },
    );
    onTestFinished(() => worker.stop());
    worker.start();
    await vi.waitFor(async () => expect(await listeners()).toHaveLength(1));
    const receiver = createReceiver({
      secret,
      storage: receiving,
      processors: { a: () => expect.fail("a receiver processed") },
      role: "receiver",
    });
    onTestFinished(() => receiver.stop());
    const startedAt = performance.now();
    const response = await receiver.fetch(await signedRequest(success));
    expect(response.status).toBe(200);
    expect(await ran.next() - startedAt).toBeLessThan(5_000);
  });

  test("does not take the only connection", async () => {
    const storage = open("only", { max: 1 });
    const { wakes } = listen(storage);
    for (let count = 0; count < 3; count++) await storage.accept(await newEvent());
    await storage.ping();
    if (client === "pg") expect(wakes.items).toEqual([]);
  });
});

test("onDue() by the client pg leaves its pool able to end, and no listener on a connection", async () => {
  const pool = connectPg(server.url, { max: 2 });
  const lent = new Set<pg.PoolClient>();
  pool.on("acquire", (client) => lent.add(client));
  const storage = postgresStorage(pool, { schema: "piled" });
  for (let count = 0; count < 20; count++) await storage.accept(await newEvent());
  expect(lent.size).toBeLessThanOrEqual(2);
  for (const client of lent) {
    // One for as long as it lasts, and the pool itself listens to one that is idle.
    expect(client.listenerCount("error")).toBeLessThanOrEqual(2);
    expect(client.listenerCount("notification") + client.listenerCount("end")).toBeLessThan(3);
  }
  const { wakes } = listen(storage);
  await wakes.next();
  await storage.close();
  await vi.waitFor(() => expect(pool.totalCount).toBeLessThan(2));
});

test("onDue() by the client pg listens anew where its connection is gone without a word", async () => {
  const proxy = await startProxy(server.url);
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const { wakes } = listen(postgresStorage(connectPg(proxy.url), { schema: "silent" }));
  await wakes.next();
  proxy.swallow();
  await proxy.forward();
  // It is asked, does not answer, is given up, and a moment later there is another one.
  for (const milliseconds of [30_000, 10_000, 1_000]) {
    await vi.advanceTimersByTimeAsync(milliseconds);
  }
  await wakes.next();
});
