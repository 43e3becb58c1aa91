import { postgresStorage } from "../storage/postgres.ts";
import type { Storage } from "../storage/storage.ts";

// A server that is away is asked again; until it is known to be, others wait.
const connectWithinMs = 3_000;

/**
 * A storage in the PostgreSQL database of a URL, by the package `pg`, which is installed beside this
 * one by whoever uses it.
 *
 * @param connections How many it may have at once.
 */
export async function openPostgres(url: string, connections: number): Promise<Storage> {
  const { default: pg } = await import("pg").catch((cause) => {
    throw new Error(
      "The storage is a PostgreSQL database: expected the package pg. Install it: npm install pg",
      { cause },
    );
  });
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: connectWithinMs,
    keepAlive: true,
  });
  const storage = postgresStorage(pool);
  return {
    ...storage,
    async close() {
      await storage.close();
      await pool.end();
    },
  };
}
