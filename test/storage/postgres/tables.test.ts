import type { Storage } from "imggo-webhooks";
import { type PostgresClient, postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { migrations } from "../../../src/storage/postgres/schema.ts";
import { newEvent } from "../../support/new-event.ts";
import { clients, connectPg, connectPostgres, openPool } from "../../support/postgres-clients.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres-server.ts";

let server: PostgresServer;
let administrator: pg.Pool;
beforeAll(async () => {
  server = await startPostgres({ fsync: false });
  administrator = openPool(server.url);
});
afterAll(async () => {
  await administrator.end();
  await server.dispose();
});

const request = { processors: ["a"], limit: 10, leaseMs: 60_000, maxAttempts: 8 };
const sql = async (text: string) => (await administrator.query(text)).rows;

describe.each(clients)("postgresStorage() by the client %s", (client, connect) => {
  test.each([2, 10])("makes the tables once where %i do so at the same time", async (count) => {
    const schema = `race_${client}_${count}`;
    const storages = Array.from(
      { length: count },
      () => postgresStorage(connect(server.url, { max: 2 }), { schema }),
    );
    await Promise.all(storages.map((storage) => storage.ping()));
    const event = await newEvent();
    const answers = await Promise.all(storages.map((storage) => storage.accept(event)));
    expect(answers).toEqual(answers.map(() => expect.objectContaining({ id: event.id })));
    expect(await sql(`SELECT version FROM ${schema}.migrations ORDER BY 1`))
      .toEqual(migrations.map((_, index) => ({ version: index + 1 })));
    expect(await storages[0]?.get(event.id)).toMatchObject({ duplicates: 0 });
  });

  test("keeps two schemas of a database apart", async () => {
    const pool = connect(server.url);
    const [one, two] = [`one_${client}`, `two_${client}`]
      .map((schema) => postgresStorage(pool, { schema })) as [Storage, Storage];
    const event = await newEvent();
    expect(await one.accept(event)).toMatchObject({ duplicate: false });
    expect(await two.get(event.id)).toBeUndefined();
    expect(await two.accept({ ...event, id: "evt_2" })).toMatchObject({ duplicate: false });
    expect((await one.claim(request)).claims.map(({ eventId }) => eventId)).toEqual([event.id]);
    expect((await two.claim(request)).claims.map(({ eventId }) => eventId)).toEqual(["evt_2"]);
  });

  test("takes a word of SQL as the name of its schema, by itself and as a channel", async () => {
    const schema = client === "pg" ? "table" : "select";
    const storages = [0, 1].map(() => postgresStorage(connect(server.url), { schema }));
    await storages[0]?.ping();
    const woken = new Promise<void>((resolve) => {
      onTestFinished(storages[0]?.onDue?.(resolve) ?? expect.fail());
    });
    await storages[1]?.accept(await newEvent());
    await woken;
  });

  test("refuses the tables of a newer version, and changes nothing", async () => {
    const schema = `newer_${client}`;
    await postgresStorage(connect(server.url), { schema }).ping();
    await sql(`INSERT INTO ${schema}.migrations (version) VALUES (7)`);
    const storage = postgresStorage(connect(server.url), { schema });
    const refused = {
      name: "StorageError",
      code: "schema",
      message: expect.stringMatching(/newer version: expected 3 or older, got 7\. Update/),
    };
    await expect(storage.ping()).rejects.toMatchObject(refused);
    await expect(storage.accept(await newEvent())).rejects.toMatchObject(refused);
    expect(await sql(`SELECT count(*)::int AS count FROM ${schema}.events`)).toEqual([{
      count: 0,
    }]);
    await sql(`DELETE FROM ${schema}.migrations WHERE version = 7`);
    await storage.ping();
  });

  test.each([
    ["events", "CREATE TABLE @.events (name text)"],
    ["keys", "CREATE TABLE @.keys (name text)"],
    ["migrations, by name", "CREATE TABLE @.migrations (name text)"],
    ["migrations, by text", "CREATE TABLE @.migrations (version text)"],
    ["migrations, by time", "CREATE TABLE @.migrations (version) AS SELECT 20260101000000"],
    ["migrations, by number", "CREATE TABLE @.migrations (version) AS SELECT 1"],
  ])("leaves the tables of another program alone: %s", async (label, create) => {
    const schema = `other_${client}_${label.replaceAll(/\W+/g, "_")}`;
    await sql(`CREATE SCHEMA ${schema}; ${create.replace("@", schema)}`);
    const columns = `SELECT table_name, column_name, data_type FROM information_schema.columns
      WHERE table_schema = '${schema}'`;
    const before = await sql(columns);
    const storage = postgresStorage(connect(server.url), { schema });
    const refused = { code: "schema", message: expect.stringMatching(/^PostgreSQL: .*\.$/) };
    await expect(storage.ping()).rejects.toMatchObject(refused);
    await expect(storage.accept(await newEvent())).rejects.toMatchObject(refused);
    expect(await sql(columns)).toEqual(before);
  });

  test("a role that may create nothing works on tables that are there", async () => {
    const schema = `granted_${client}`;
    const role = `role_${client}`;
    await sql(`CREATE ROLE ${role} LOGIN PASSWORD 'a password'`);
    const url = server.url.replace("//postgres:", `//${role}:`);
    const storage = postgresStorage(connect(url), { schema });
    await expect(storage.ping()).rejects.toMatchObject({
      code: "denied",
      message: expect.stringMatching(/permission denied.* right to create a schema/),
    });

    await postgresStorage(connect(server.url), { schema }).ping();
    await expect(storage.ping()).rejects.toMatchObject({ code: "denied" });
    await sql(`GRANT USAGE ON SCHEMA ${schema} TO ${role};
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role}`);
    const event = await newEvent();
    expect(await storage.accept(event)).toMatchObject({ id: event.id, duplicate: false });
    const [claim] = (await storage.claim(request)).claims;
    expect(await storage.settle(claim!, { kind: "succeeded" })).toBe(true);
    expect(await storage.prune({ receivedBefore: Date.now(), limit: 10 })).toBe(1);
  });

  test("makes a schema again that is dropped while it is used", async () => {
    const schema = `dropped_${client}`;
    const storage = postgresStorage(connect(server.url), { schema });
    await storage.accept(await newEvent());
    await sql(`DROP SCHEMA ${schema} CASCADE`);
    await expect(storage.accept(await newEvent())).rejects.toMatchObject({ code: "schema" });
    expect(await storage.accept(await newEvent())).toMatchObject({ duplicate: false });
    expect((await storage.list({ limit: 10 })).events).toHaveLength(1);
  });

  test.each([["LATIN1", false], ["SQL_ASCII", true]])(
    "of a database whose encoding is %s: takes names it can keep, %s",
    async (encoding, taken) => {
      const database = `encoding_${encoding}_${client}`.toLowerCase();
      await sql(`CREATE DATABASE ${database} ENCODING '${encoding}' LOCALE 'C' TEMPLATE template0`);
      const storage = postgresStorage(connect(server.url.replace(/postgres$/, database)));
      const accepted = storage.accept(await newEvent({ jobId: "請求書" }));
      if (!taken) {
        await expect(accepted).rejects.toMatchObject({
          code: "schema",
          message: expect.stringMatching(/expected .* encoding is UTF8, got LATIN1\./),
        });
        return;
      }
      const { id } = await accepted;
      expect(await storage.get(id)).toMatchObject({ jobId: "請求書" });
    },
  );

  test("refuses sessions of another isolation, in which steps do not see each other", async () => {
    const role = `repeatable_${client}`;
    await sql(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'a password';
      ALTER ROLE ${role} SET default_transaction_isolation = 'repeatable read'`);
    const url = server.url.replace("//postgres:", `//${role}:`);
    await expect(postgresStorage(connect(url)).ping()).rejects.toMatchObject({
      code: "schema",
      message: expect.stringMatching(/expected .* read committed, got repeatable read\./),
    });
  });
});

describe("postgresStorage()", () => {
  test("says what it expects as a client", () => {
    const single = new pg.Client();
    const wrong: unknown[] = [null, undefined, "postgres://localhost", {}, () => {}, single];
    for (const each of wrong) {
      expect(() => postgresStorage(each as PostgresClient)).toThrow(
        /^postgresStorage\(\) expects what `postgres\(url\)` gives, or `new Pool\(\)` of the package/,
      );
    }
  });

  test.each(["Events", "a-b", 'a"b', "a.b", "", "1a", "pg_events", "x".repeat(51), "é"])(
    "says what it expects as a schema: %j",
    (schema) => {
      expect(() => postgresStorage(connectPg(server.url), { schema })).toThrow(
        /^postgresStorage\(\) expects a schema of 1 to 50 lower-case letters, digits and _, /,
      );
    },
  );

  test("refuses a client that renames columns", async () => {
    const client = postgres(server.url, { max: 1, transform: postgres.camel });
    onTestFinished(() => client.end());
    await expect(postgresStorage(client).ping()).rejects.toMatchObject({
      code: "schema",
      message: expect.stringContaining("without `transform`"),
    });
  });

  test("does not end its client when it is closed, and does nothing any more", async () => {
    const client = connectPostgres(server.url);
    const storage = postgresStorage(client, { schema: "closed" });
    await storage.ping();
    await storage.close();
    await expect(storage.ping()).rejects.toMatchObject({ code: "unavailable" });
    await expect(storage.accept(await newEvent())).rejects.toThrow(/closed/);
    expect(await client`SELECT 1 AS one`).toEqual([{ one: 1 }]);
  });
});

test("accept() and settle() whose answer broke off before its row are made again, or reject", async () => {
  const pool = openPool(server.url);
  onTestFinished(() => pool.end());
  let broken = 0;
  const cutting = {
    totalCount: 0,
    on: () => {},
    async connect() {
      const client = await pool.connect();
      return new Proxy(client, {
        get(target, name) {
          if (name !== "query") {
            const value: unknown = Reflect.get(target, name);
            return typeof value === "function" ? value.bind(target) : value;
          }
          return async (text: string, values?: unknown[]) => {
            const result = await target.query(text, values);
            if (broken === 0 || !/\.(?:accept|settle|succeed)\(/.test(text)) return result;
            broken--;
            return { ...result, rows: [] };
          };
        },
      });
    },
  };
  const storage = postgresStorage(cutting as unknown as PostgresClient, { schema: "cut" });
  const event = await newEvent();
  await storage.ping();
  broken = 1;
  expect(await storage.accept(event)).toMatchObject({ id: event.id, duplicate: false });
  expect(broken).toBe(0);
  const { claims: [claim] } = await storage.claim(request);
  broken = 1;
  await expect(storage.settle(claim!, { kind: "succeeded" }))
    .rejects.toMatchObject({ code: "unavailable" });
  expect(await storage.get(event.id)).toMatchObject({ deliveries: [{ state: "succeeded" }] });
});
