import pg from "pg";
import { startPostgres } from "../../support/postgres-server.ts";
import { atEnd } from "../ending.ts";

/** A PostgreSQL server of the benchmark's own, as it comes. */
export interface PostgresDatabases {
  /** Makes an empty database. */
  create(): Promise<PostgresDatabase>;
}

/** A database. */
export interface PostgresDatabase {
  readonly url: string;
  query(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Ends its sessions and removes it; what it left to be written is written before anything else. */
  drop(): Promise<void>;
}

/** Gives databases in a server that is started for the first one. */
export function postgresDatabases(): PostgresDatabases {
  let started: ReturnType<typeof startPostgres> | undefined;
  let count = 0;
  const ask = async (url: string, sql: string, values: readonly unknown[] = []) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query(sql, [...values])).rows;
    } finally {
      await client.end();
    }
  };
  return {
    async create() {
      if (started === undefined) {
        started = startPostgres();
        atEnd(async () => await (await started)?.dispose());
      }
      const server = await started;
      const name = `bench_${++count}`;
      await ask(server.url, `CREATE DATABASE ${name}`);
      const url = server.url.replace(/\/postgres$/, `/${name}`);
      return {
        url,
        query: (sql, values) => ask(url, sql, values),
        async drop() {
          await ask(server.url, `DROP DATABASE ${name} WITH (FORCE)`);
          await ask(server.url, "CHECKPOINT");
        },
      };
    },
  };
}
