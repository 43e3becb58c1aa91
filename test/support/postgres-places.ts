import type { Storage } from "imggo-webhooks";
import { type PostgresClient, postgresStorage } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import { afterAll } from "vitest";
import type { StorageHarness } from "../storage/contract.ts";

/** A client with connections of its own, and what ends them. */
export interface Connected {
  readonly client: PostgresClient;
  end(): Promise<void>;
}

/** The schemas that the tests of a file use one after another, and what is connected to them. */
interface Ground {
  readonly administrator: pg.Client;
  /** Where the functions of the clock are. */
  readonly clock: string;
  readonly schema: string;
  /** What was connected so far; the first of them are used first. */
  readonly connections: Connected[];
}

let grounds = 0;

/**
 * Places of the suite. To make tables and to connect takes longer than most tests do: so the tests
 * of a file have one schema, one after another, and each finds its tables empty. The storage goes by
 * the server's clock, so there are functions of the clock's names that are found before PostgreSQL's
 * own.
 *
 * @param urlOf The server's URL, once it runs.
 * @param connect Connects with this search path.
 */
export function postgresPlaces(
  urlOf: () => string,
  connect: (searchPath: string) => Connected,
): StorageHarness {
  let ground: Ground | undefined;
  afterAll(async () => {
    for (const { end } of ground?.connections ?? []) await end();
    await ground?.administrator.end();
  });

  return {
    async create() {
      const { administrator, clock, schema, connections } = ground ??= await lay(urlOf());
      let opened = 0;
      return {
        open(): Storage {
          const connected = connections[opened++] ?? connect(`${clock},pg_catalog`);
          if (opened > connections.length) connections.push(connected);
          return postgresStorage(connected.client, { schema });
        },
        async advance(milliseconds) {
          const by = `${milliseconds} milliseconds`;
          await administrator.query(`UPDATE ${clock}.ahead SET by = by + $1::interval`, [by]);
        },
        async dispose() {
          const { rows } = await administrator.query<{ name: string }>(
            `SELECT tablename AS name FROM pg_tables
              WHERE schemaname = $1 AND tablename <> 'migrations'`,
            [schema],
          );
          // Of small tables this is much cheaper than TRUNCATE, which makes new files.
          await administrator.query(
            [
              ...rows.map(({ name }) => `DELETE FROM ${schema}.${name}`),
              `UPDATE ${clock}.ahead SET by = '0'`,
            ].join(";"),
          );
        },
      };
    },
  };
}

async function lay(connectionString: string): Promise<Ground> {
  const [clock, schema] = [`clock_${++grounds}`, `events_${grounds}`];
  const administrator = new pg.Client({ connectionString });
  await administrator.connect();
  await administrator.query(`
    CREATE SCHEMA ${clock};
    CREATE TABLE ${clock}.ahead AS SELECT interval '0' AS by;
    ${
    ["statement_timestamp", "clock_timestamp"].map((name) => `
    CREATE FUNCTION ${clock}.${name}() RETURNS timestamptz LANGUAGE sql STABLE
      RETURN pg_catalog.${name}() + (SELECT by FROM ${clock}.ahead);`).join("")
  }`);
  return { administrator, clock, schema, connections: [] };
}
