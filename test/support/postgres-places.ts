import type { Storage } from "imggo-webhooks";
import { type PostgresClient, postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import type { StorageHarness } from "../storage/contract.ts";

/** A client with connections of its own, and what ends them. */
export interface Connected {
  readonly client: PostgresClient;
  end(): Promise<void>;
}

let places = 0;

/**
 * Places of the suite, each in schemas of its own. The storage goes by the server's clock, so a place
 * has functions of the clock's names that are found before PostgreSQL's own.
 *
 * @param urlOf The server's URL, once it runs.
 * @param connect Connects with this search path.
 */
export function postgresPlaces(
  urlOf: () => string,
  connect: (searchPath: string) => Connected,
): StorageHarness {
  return {
    async create() {
      const place = ++places;
      const clock = `clock_${place}`;
      const administrator = new pg.Client({ connectionString: urlOf() });
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
          const connected = connect(`${clock},pg_catalog`);
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
