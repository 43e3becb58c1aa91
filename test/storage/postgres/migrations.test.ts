import { postgresStorage } from "imggo-webhooks/storage/postgres";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { acceptValues } from "../../../src/storage/postgres/accept-values.ts";
import { migrations } from "../../../src/storage/postgres/schema.ts";
import { newEvent } from "../../support/new-event.ts";
import { connectPg, openPool } from "../../support/postgres-clients.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres-server.ts";

let server: PostgresServer;
let administrator: ReturnType<typeof openPool>;
beforeAll(async () => {
  server = await startPostgres({ fsync: false });
  administrator = openPool(server.url);
});
afterAll(async () => {
  await administrator.end();
  await server.dispose();
});

const minute = 60_000;
const request = { processors: ["a"], limit: 10, leaseMs: minute, maxAttempts: 8 };

/** What the first version made, with an event and deliveries in every state. */
const firstVersion = (schema: string) => `
  CREATE SCHEMA ${schema};
  CREATE TABLE ${schema}.migrations (
    version integer PRIMARY KEY, run_at timestamptz NOT NULL DEFAULT now());
  ${migrations[0]?.(schema)};
  INSERT INTO ${schema}.migrations (version) VALUES (1);
  CREATE FUNCTION ${schema}.accept(text, text, text, text, text, text, text, timestamptz, bytea, jsonb)
    RETURNS TABLE (id text, state text, identical boolean)
    LANGUAGE plpgsql AS $$ BEGIN RAISE 'not made anew'; END $$;
  INSERT INTO ${schema}.events (id, key, state, origin, event, job_id, pattern_id, received_at, body)
    VALUES
      ('evt_1', 'key_1', 'superseded', 'webhook', 'job.failed', 'job_1', 'pat_1', now(), '\\x00ff'),
      ('evt_2', 'key_2', 'accepted', 'reconcile', 'job.succeeded', 'job_1', 'pat_1', now(), '{}'),
      ('evt_3', 'key_3', 'ignored', 'webhook', 'job.started', 'job_2', NULL, now(), ''),
      ('evt_4', 'key_4', 'quarantined', 'webhook', NULL, NULL, NULL, now(), 'no JSON');
  INSERT INTO ${schema}.keys (digest, event_id, duplicates)
    SELECT sha256(convert_to(key, 'UTF8')), id, 3 FROM ${schema}.events;
  INSERT INTO ${schema}.deliveries
    (event_seq, processor, state, attempts, fence, due_at, last_error)
    VALUES
      (1, 'a', 2, 1, 1, now(), NULL),
      (2, 'a', 0, 1, 4, now() - interval '1 minute', 'again'),
      (2, 'b', 1, 1, 1, now() + interval '1 hour', NULL),
      (2, 'c', 3, 5, 7, now() - interval '3 minutes', 'no'),
      (2, 'd', 2, 2, 2, now() - interval '2 minutes', 'at first'),
      (2, 'e', 1, 2, 2, now() - interval '1 second', 'at first')`;

describe("postgresStorage() on the tables of the first version", () => {
  test("keeps what they hold, where several processes come upon them at once", async () => {
    const schema = "kept";
    await administrator.query(firstVersion(schema));
    const storages = [0, 1, 2].map(() => postgresStorage(connectPg(server.url), { schema }));
    await Promise.all(storages.map((storage) => storage.ping()));
    const { rows } = await administrator.query(
      `SELECT version FROM ${schema}.migrations ORDER BY version`,
    );
    expect(rows).toEqual(migrations.map((_, index) => ({ version: index + 1 })));

    const storage = storages[0]!;
    const { events } = await storage.list({ limit: 10 });
    expect(events.map(({ id, traceParent, duplicates }) => [id, traceParent, duplicates]))
      .toEqual(["evt_4", "evt_3", "evt_2", "evt_1"].map((id) => [id, null, 3]));
    expect(
      events[2]?.deliveries.map(({ processor, state, attempts, lastError }) =>
        [processor, state, attempts, lastError].join(" ")
      ),
    ).toEqual([
      "a pending 1 again",
      "b running 1 ",
      "c dead 5 no",
      "d succeeded 2 at first",
      "e running 2 at first",
    ]);
    for (
      const [filter, ids] of [
        [{ patternId: "pat_1" }, ["evt_2", "evt_1"]],
        [{ event: "job.started" }, ["evt_3"]],
        [{ deliveryState: "pending" }, ["evt_2"]],
        [{ deliveryState: "running", receivedBefore: Date.now() + minute }, ["evt_2"]],
      ] as const
    ) {
      const page = await storage.list({ ...filter, limit: 10 });
      expect(page.events.map(({ id }) => id)).toEqual(ids);
    }
    expect(await storage.deadGroups({ limit: 10 })).toMatchObject(
      [{ processor: "c", error: "no", count: 1, lastEventId: "evt_2" }],
    );
    expect(await storage.countDead({ processor: "c", error: "no" })).toBe(1);
    expect(await storage.stats()).toMatchObject({
      events: { accepted: 1, ignored: 1, quarantined: 1, superseded: 1 },
      deliveries: { pending: 1, running: 2, succeeded: 2, dead: 1 },
      duplicates: 12,
    });
  });

  test("goes on with them, and tells attempts from then on", async () => {
    const schema = "continued";
    await administrator.query(firstVersion(schema));
    const storage = postgresStorage(connectPg(server.url), { schema });
    const attempts = async () =>
      (await storage.attempts("evt_2")).map(({ processor, attempt, state }) =>
        `${processor} ${attempt} ${state}`
      );
    expect(await attempts()).toEqual([]);
    const lease = { eventId: "evt_2", processor: "b", fence: 1 };
    expect(await storage.settle(lease, { kind: "retry", afterMs: minute, error: "no" })).toBe(true);
    expect(await storage.redeliver("evt_2", ["d"])).toBe(1);
    expect(await storage.redrive({ limit: 10 })).toBe(1);
    expect(await attempts()).toEqual([]);

    const processors = ["a", "b", "c", "d", "e"];
    const { claims } = await storage.claim({ ...request, processors });
    expect(claims.map(({ processor, attempt, fence }) => `${processor} ${attempt} ${fence}`).sort())
      .toEqual(["a 2 5", "c 1 8", "d 1 3", "e 3 3"]);
    for (const claim of claims) {
      const kind = claim.processor === "e" ? "released" : "succeeded";
      expect(await storage.settle(claim, { kind })).toBe(true);
    }
    expect(await attempts())
      .toEqual(["a 2 succeeded", "c 1 succeeded", "d 1 succeeded", "e 3 released"]);
  });

  test("migrates them however long it takes, though nobody waits as long", async () => {
    const schema = "slow";
    await administrator.query(firstVersion(schema));
    const reader = await administrator.connect();
    await reader.query(`BEGIN; LOCK TABLE ${schema}.events IN ACCESS SHARE MODE`);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const used = postgresStorage(connectPg(server.url), { schema }).ping();
      const isWaiting = async () =>
        (await administrator.query(
          "SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass",
          [`${schema}.events`],
        )).rowCount === 1;
      while (!await isWaiting());
      vi.advanceTimersByTime(60_000);
      await expect(used).rejects.toMatchObject({ code: "unavailable" });
    } finally {
      vi.useRealTimers();
      await reader.query("COMMIT");
      reader.release();
    }
    await vi.waitFor(async () => {
      const { rows } = await administrator.query(
        `SELECT max(version) AS version FROM ${schema}.migrations`,
      );
      expect(rows).toEqual([{ version: migrations.length }]);
    }, { timeout: 5_000 });
  });

  test("lets a process of that version go on accepting", async () => {
    const schema = "accepted";
    await administrator.query(firstVersion(schema));
    const storage = postgresStorage(connectPg(server.url), { schema });
    await storage.ping();
    const event = await newEvent();
    await administrator.query(
      `SELECT * FROM ${schema}.accept($1::text, $2::text, $3::text, $4::text, $5::text, $6::text,
        $7::text, to_timestamp($8::float8 / 1000), $9::bytea, $10::text::jsonb)`,
      acceptValues(event).slice(0, 10),
    );
    expect(await storage.accept(event)).toMatchObject({ id: event.id, duplicate: false });
    expect((await storage.claim(request)).claims.map(({ eventId }) => eventId))
      .toEqual(["evt_2", event.id]);
  });
});

test("postgresStorage() makes its tables in a schema that has others", async () => {
  await administrator.query("CREATE SCHEMA shared CREATE TABLE of_somebody_else (id int)");
  const storage = postgresStorage(connectPg(server.url), { schema: "shared" });
  expect(await storage.accept(await newEvent())).toMatchObject({ duplicate: false });
});

test("postgresStorage() makes and migrates its tables without a notice, which clients print", async () => {
  const notices: unknown[] = [];
  const client = postgres(server.url, { onnotice: (notice) => notices.push(notice) });
  onTestFinished(() => client.end());
  await administrator.query(firstVersion("unnoticed"));
  for (const schema of ["made", "unnoticed"]) await postgresStorage(client, { schema }).ping();
  expect(notices).toEqual([]);
});

describe("attempts() of postgresStorage()", () => {
  test("writes nothing of a delivery that succeeds at first, and little of others", async () => {
    const schema = "little";
    const storage = postgresStorage(connectPg(server.url), { schema });
    const event = await newEvent({ processors: ["a", "b"] });
    await storage.accept(event);
    const claimOf = async (processor: string) =>
      (await storage.claim({ ...request, processors: [processor], maxAttempts: 100 })).claims[0]!;
    await storage.settle(await claimOf("a"), { kind: "succeeded" });
    const error = "é".repeat(10_000);
    for (let attempt = 0; attempt < 30; attempt++) {
      await storage.settle(await claimOf("b"), { kind: "retry", afterMs: 0, error });
    }
    const { rows } = await administrator.query(
      `SELECT processor, octet_length(history::text) AS size
      FROM ${schema}.deliveries ORDER BY processor`,
    );
    expect(rows[0]).toEqual({ processor: "a", size: null });
    expect(rows[1].size).toBeLessThan(20 * 600);
    expect(await storage.attempts(event.id)).toHaveLength(21);
    await claimOf("b");
    const told = await storage.attempts(event.id);
    expect(told.map(({ attempt }) => attempt))
      .toEqual([1, ...Array.from({ length: 20 }, (_, index) => index + 12)]);
    expect(told.at(-1)).toMatchObject({ state: "running", endedAt: null, error: null });
  });

  test("tells of an error what PostgreSQL can store", async () => {
    const storage = postgresStorage(connectPg(server.url), { schema: "hostile" });
    const event = await newEvent();
    await storage.accept(event);
    const [claim] = (await storage.claim(request)).claims;
    const error = 'a\0b\ud800c\\u0000"';
    await storage.settle(claim!, { kind: "dead", error });
    const told = 'a\ufffdb\ufffdc\\u0000"';
    expect(await storage.attempts(event.id)).toMatchObject([{ error: told }]);
    expect(await storage.deadGroups({ limit: 1 })).toMatchObject([{ error: told }]);
    expect(await storage.countDead({ error })).toBe(1);
    expect(await storage.countDead({ error: told })).toBe(1);
  });
});
