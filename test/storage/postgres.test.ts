import type { Storage } from "imggo-webhooks";
import { type PostgresClient, postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import postgres from "postgres";
import { afterAll, beforeAll } from "vitest";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";
import { describeStorage, type StorageHarness } from "./contract.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.dispose());

/** A client with connections of its own, and what ends them. */
interface Connected {
  readonly client: PostgresClient;
  end(): Promise<void>;
}

/** How each client connects, with these settings of its sessions. */
const clients: Readonly<Record<string, (settings: string) => Connected>> = {
  postgres(settings) {
    const client = postgres(server.url, { max: 4, connection: { options: settings } });
    return { client, end: () => client.end() };
  },
  pg(settings) {
    const client = new pg.Pool({ connectionString: server.url, max: 4, options: settings });
    return { client, end: () => client.end() };
  },
};

let places = 0;

/**
 * Places of the suite, each in schemas of its own. The storage goes by the server's clock, so a place
 * has functions of the clock's names that are found before PostgreSQL's own.
 */
function harness(connect: (settings: string) => Connected): StorageHarness {
  return {
    async create() {
      const place = ++places;
      const clock = `clock_${place}`;
      const administrator = new pg.Client({ connectionString: server.url });
      await administrator.connect();
      await administrator.query(`
        CREATE SCHEMA ${clock};
        CREATE TABLE ${clock}.ahead AS SELECT interval '0' AS by;
        ${
        ["statement_timestamp", "clock_timestamp"].map((name) => `
        CREATE FUNCTION ${clock}.${name}() RETURNS timestamptz LANGUAGE sql STABLE
          RETURN pg_catalog.${name}() + (SELECT by FROM ${clock}.ahead);`).join("")
      }`);
      const connections = new Set<Connected>();
      return {
        open(): Storage {
          const connected = connect(`-c search_path=${clock},pg_catalog`);
          connections.add(connected);
          return postgresStorage(connected.client, { schema: `events_${place}` });
        },
        async advance(milliseconds) {
          const by = `${milliseconds} milliseconds`;
          await administrator.query(`UPDATE ${clock}.ahead SET by = by + $1::interval`, [by]);
        },
        async dispose() {
          for (const { end } of connections) await end();
          await administrator.query(
            `DROP SCHEMA IF EXISTS ${clock}, events_${place} CASCADE`,
          );
          await administrator.end();
        },
      };
    },
  };
}

for (const [name, connect] of Object.entries(clients)) {
  describeStorage(`postgresStorage() by the client ${name}`, harness(connect));
}
