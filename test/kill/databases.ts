import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { postgresStorage } from "../../src/storage/postgres.ts";
import { sqliteStorage } from "../../src/storage/sqlite.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { type PostgresServer, startPostgres } from "../support/postgres-server.ts";

/** The database of servers that are killed. */
export interface Database {
  /** The setting by which servers find it. */
  readonly url: string;
  /** Opens it beside the servers, for as long as it is looked at. */
  look<T>(at: (storage: Storage) => Promise<T>): Promise<T>;
  /** What is wrong with its file, or its tables and indexes; undefined: nothing. */
  check(): Promise<string | undefined>;
}

/** Makes databases, one after another. */
export interface Databases {
  /** An empty one; one that is a file is in this folder. */
  create(folder: string): Promise<Database>;
  dispose(): Promise<void>;
}

/** Which storages can be audited. */
export const storageNames = ["sqlite", "postgres"] as const;

/** The databases of a storage. */
export async function databasesOf(name: typeof storageNames[number]): Promise<Databases> {
  return name === "sqlite"
    ? { create: (folder) => Promise.resolve(sqliteFile(folder)), dispose: async () => {} }
    : postgresDatabases(await startPostgres());
}

// Whoever opens the file first after a kill restores it: so it is not kept open.
function sqliteFile(folder: string): Database {
  const file = join(folder, "imggo-webhooks.db");
  return {
    url: `sqlite:${file}`,
    look: (at) => lookAt(sqliteStorage(file), at),
    check() {
      const database = new DatabaseSync(file);
      try {
        const rows = database.prepare("PRAGMA integrity_check").all()
          .map((row) => String(row["integrity_check"]));
        return Promise.resolve(rows.join() === "ok" ? undefined : rows.join("; "));
      } finally {
        database.close();
      }
    },
  };
}

function postgresDatabases(server: PostgresServer): Databases {
  let made = 0;
  const connected = async <T>(url: string, work: (client: pg.Client) => Promise<T>) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  };
  return {
    async create() {
      const name = `kills_${++made}`;
      await connected(server.url, (client) => client.query(`CREATE DATABASE ${name}`));
      const url = server.url.replace(/postgres$/, name);
      await connected(url, (client) => client.query("CREATE EXTENSION amcheck"));
      return {
        url,
        async look(at) {
          const pool = new pg.Pool({ connectionString: url, max: 2 });
          try {
            return await lookAt(postgresStorage(pool), at);
          } finally {
            await pool.end();
          }
        },
        check: () => connected(url, wrongTables),
      };
    },
    dispose: () => server.dispose(),
  };
}

/** Has PostgreSQL look at each row, and at each index that it leads to its row. */
async function wrongTables(client: pg.Client): Promise<string | undefined> {
  try {
    await client.query(`SELECT bt_index_check(indexrelid, true) FROM pg_index
      JOIN pg_class ON pg_class.oid = indexrelid
      WHERE relnamespace = 'imggo_webhooks'::regnamespace`);
    const { rows } = await client.query<{ wrong: string }>(
      `SELECT relname || ': ' || msg AS wrong FROM pg_class, verify_heapam(pg_class.oid)
        WHERE relnamespace = 'imggo_webhooks'::regnamespace AND relkind = 'r'`,
    );
    return rows.length === 0 ? undefined : rows.map(({ wrong }) => wrong).join("; ");
  } catch (error) {
    return String(error);
  }
}

async function lookAt<T>(storage: Storage, at: (storage: Storage) => Promise<T>): Promise<T> {
  try {
    return await at(storage);
  } finally {
    await storage.close();
  }
}
