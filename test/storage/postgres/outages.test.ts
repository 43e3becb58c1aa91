import { type PostgresClient, postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import type { Storage } from "imggo-webhooks";
import { newEvent, repeatOf } from "../../support/new-event.ts";
import { clients, connectPg, connectPostgres } from "../../support/postgres-clients.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres-server.ts";
import { startProxy } from "../../support/tcp-proxy.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.dispose());

const request = { processors: ["a"], limit: 10, leaseMs: 60_000, maxAttempts: 8 };

async function administrate(text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

const terminateOthers = () =>
  administrate(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`);

/** Stores events one after another, several at a time, until it is told to stop. */
function keepAccepting(storage: Storage, senders: number) {
  let stopped = false;
  const ids: string[] = [];
  const send = async () => {
    while (!stopped) {
      const event = await newEvent();
      const { id, duplicate } = await storage.accept(event);
      expect({ id, duplicate }).toEqual({ id: event.id, duplicate: false });
      ids.push(id);
    }
  };
  const sending = Promise.all(Array.from({ length: senders }, send));
  // Is awaited later, by `stop`.
  sending.catch(() => {});
  return {
    ids,
    async until(count: number) {
      while (ids.length < count) await Promise.race([sending, new Promise(setImmediate)]);
    },
    async stop() {
      stopped = true;
      await sending;
    },
  };
}

async function expectEachOnce(storage: Storage, ids: readonly string[]) {
  const { events } = await storage.list({ limit: ids.length + 1 });
  expect(events.map(({ id }) => id).sort()).toEqual([...ids].sort());
  expect(events.filter(({ duplicates }) => duplicates > 0)).toEqual([]);
}

describe.each(clients)("postgresStorage() by the client %s", (client, connect) => {
  const open = (url: string, schema: string, max = 4): Storage =>
    postgresStorage(connect(url, { max }) as PostgresClient, { schema: `${schema}_${client}` });

  test("loses and repeats nothing when the server is stopped and started", async () => {
    const storage = open(server.url, "restarted");
    const accepting = keepAccepting(storage, 8);
    await accepting.until(100);
    await server.stop();
    const before = accepting.ids.length;
    await server.start();
    await accepting.until(before + 100);
    await accepting.stop();
    await expectEachOnce(storage, accepting.ids);
  });

  test("loses and repeats nothing when every connection is ended", async () => {
    const storage = open(server.url, "terminated");
    const accepting = keepAccepting(storage, 8);
    for (const count of [50, 100, 150, 200, 250]) {
      await accepting.until(count);
      await terminateOthers();
    }
    await accepting.until(accepting.ids.length + 50);
    await accepting.stop();
    await expectEachOnce(storage, accepting.ids);
  });

  test("accepts when the answer of the commit is lost, and counts no duplicate", async () => {
    const proxy = await startProxy(server.url);
    const storage = open(proxy.url, "answer_lost");
    await storage.ping();
    const event = await newEvent();
    const lost = proxy.loseAnswerTo(event.id);
    const answer = await storage.accept(event);
    await lost;
    expect(answer).toEqual({ id: event.id, duplicate: false, state: "accepted", identical: true });
    await expectEachOnce(storage, [event.id]);
    expect((await storage.claim(request)).claims).toHaveLength(1);
  });

  test("accepts a duplicate whose answer is lost as one", async () => {
    const proxy = await startProxy(server.url);
    const storage = open(proxy.url, "duplicate_lost");
    const event = await newEvent();
    await storage.accept(event);
    const repeat = repeatOf(event);
    const lost = proxy.loseAnswerTo(repeat.id);
    expect(await storage.accept(repeat)).toMatchObject({ id: event.id, duplicate: true });
    await lost;
  });

  test("waits for a server that refuses for a moment, and gives up in time", async () => {
    const proxy = await startProxy(server.url);
    const storage = open(proxy.url, "refused");
    await storage.ping();
    await proxy.refuse();
    const event = await newEvent();
    const accepting = storage.accept(event);
    await expect(storage.claim(request)).rejects.toMatchObject({ code: "unavailable" });
    await proxy.forward();
    expect(await accepting).toMatchObject({ id: event.id, duplicate: false });

    await proxy.refuse();
    const giveUp = new AbortController();
    const given = storage.accept(await newEvent(), giveUp.signal);
    giveUp.abort();
    await expect(given).rejects.toMatchObject({ name: "StorageError", code: "unavailable" });
  });

  test("makes the tables once the server is there", async () => {
    const proxy = await startProxy(server.url);
    await proxy.refuse();
    const storage = open(proxy.url, "late");
    await expect(storage.ping()).rejects.toMatchObject({ code: "unavailable" });
    await proxy.forward();
    await storage.ping();
  });
});

describe("postgresStorage() by the client pg", () => {
  test("rejects in time what is half open, and works again by new connections", async () => {
    const proxy = await startProxy(server.url);
    const storage = postgresStorage(connectPg(proxy.url, { max: 2 }), { schema: "half_open" });
    const first = await newEvent();
    await storage.accept(first);
    proxy.swallow();
    const withoutTables = postgresStorage(connectPg(proxy.url), { schema: "half_open_from_start" });
    const startedAt = performance.now();
    const answers = await Promise.allSettled([storage.claim(request), withoutTables.ping()]);
    expect(performance.now() - startedAt).toBeLessThan(11_000);
    const lost = { status: "rejected", reason: { name: "StorageError", code: "unavailable" } };
    expect(answers).toMatchObject([lost, lost]);

    await proxy.forward();
    expect((await storage.claim(request)).claims).toMatchObject([{ eventId: first.id }]);
    expect(await storage.accept(await newEvent())).toMatchObject({ duplicate: false });
    await withoutTables.ping();
  });
});

test("postgresStorage() outlives the end of a connection that nobody has, with a pool nobody listens to", async () => {
  const pool = new pg.Pool({ connectionString: server.url });
  onTestFinished(() => pool.end());
  const storage = postgresStorage(pool, { schema: "unheard" });
  await storage.ping();
  const gone = new Promise((resolve) => pool.once("remove", resolve));
  await terminateOthers();
  await gone;
  await storage.ping();
});

test("postgresStorage() outlives the end of a connection in the moment in which it is lent", async () => {
  const pool = connectPg(server.url);
  for (let count = 0; count < 20; count++) postgresStorage(pool, { schema: "lent" });
  expect(pool.listenerCount("connect")).toBe(1);
  await new Promise<void>((resolve, reject) => {
    pool.connect((error, client, release) => {
      if (client === undefined) return reject(error);
      // As `pg` does where the server's last words come with its first ones.
      client.emit("error", new Error("terminating connection due to administrator command"));
      release(true);
      resolve();
    });
  });
});

test("postgresStorage() keeps a connection whose server answers by an error", async () => {
  const pool = connectPg(server.url, { max: 1 });
  const removed: unknown[] = [];
  pool.on("remove", (client) => removed.push(client));
  const storage = postgresStorage(pool, { schema: "kept" });
  await storage.ping();
  await administrate("DROP SCHEMA kept CASCADE");
  await expect(storage.stats()).rejects.toMatchObject({ code: "schema" });
  await storage.ping();
  expect(removed).toEqual([]);
});

/**
 * A client whose server answers the nth statement that has some text, and each after it, by this
 * SQLSTATE; how often it was asked for them.
 */
function refusing(part: string, nth: number, code: string) {
  const sql = connectPostgres(server.url);
  let asked = 0;
  const client: PostgresClient = {
    begin: (options, work) => sql.begin(options, work),
    unsafe: (text, values) =>
      text.includes(part) && ++asked >= nth
        ? Promise.reject(Object.assign(new Error("by a test"), { code }))
        : sql.unsafe(text, values),
  };
  return { client, asked: () => asked };
}

test("postgresStorage() gives what it has claimed where it fails then", async () => {
  const { client, asked } = refusing("wanted", 2, "57P01");
  const storage = postgresStorage(client, { schema: "claimed" });
  const [over, next] = [await newEvent(), await newEvent()];
  await storage.accept(over);
  const other = postgresStorage(connectPg(server.url), { schema: "claimed" });
  await other.claim({ ...request, leaseMs: 0 });
  await storage.accept(next);
  const { claims, exhausted } = await storage.claim({ ...request, maxAttempts: 1 });
  expect(claims).toMatchObject([{ eventId: next.id }]);
  expect(exhausted).toMatchObject([{ eventId: over.id }]);
  expect(asked()).toBe(2);
});

test("postgresStorage() tries once what is refused, and again what may pass", async () => {
  for (const [code, isTriedAgain] of [["42501", false], ["53300", true]] as const) {
    const { client, asked } = refusing(".accept(", 1, code);
    const storage = postgresStorage(client, { schema: "refused" });
    await storage.ping();
    const giveUp = new AbortController();
    const accepting = storage.accept(await newEvent(), giveUp.signal);
    const before = asked();
    if (isTriedAgain) {
      await vi.waitUntil(() => asked() > before + 2);
      giveUp.abort();
    }
    await expect(accepting).rejects.toThrow();
    expect(asked() > before + 1).toBe(isTriedAgain);
  }
});

test("postgresStorage() tries again soon at first, then less often, for 4 s", async () => {
  const { client, asked } = refusing(".accept(", 1, "53300");
  const storage = postgresStorage(client, { schema: "patient" });
  await storage.ping();
  const event = await newEvent();
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  vi.spyOn(Math, "random").mockReturnValue(0.25);
  onTestFinished(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });
  const accepting = expect(storage.accept(event)).rejects.toMatchObject({ code: "unavailable" });
  const counts: number[] = [];
  for (const milliseconds of [17, 3, 40, 75, 150, 300, 305, 3_110, 200]) {
    await vi.advanceTimersByTimeAsync(milliseconds);
    counts.push(asked());
  }
  await accepting;
  expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 17, 18]);
});
