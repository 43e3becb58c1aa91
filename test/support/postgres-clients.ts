import type { PgPool, PostgresSql } from "imggo-webhooks/storage/postgres";
import pg from "pg";
import postgres from "postgres";
import { onTestFinished } from "vitest";

/** How a test connects to a database. What it connects is ended with the test. */
export interface ClientOptions {
  /** The most connections. Default 4. */
  readonly max?: number;
}

/** A pool of the package `pg` for a whole file of tests, which ends it. */
export function openPool(url: string, { max = 4 }: ClientOptions = {}): pg.Pool & PgPool {
  const pool = new pg.Pool({ connectionString: url, max, connectionTimeoutMillis: 3_000 });
  // A connection that the end of the server closes.
  pool.on("error", () => {});
  return pool;
}

/** A client of the package `pg`. */
export function connectPg(url: string, options?: ClientOptions): pg.Pool & PgPool {
  const pool = openPool(url, options);
  onTestFinished(() => pool.end());
  return pool;
}

/** A client of the package `postgres`. */
export function connectPostgres(
  url: string,
  { max = 4 }: ClientOptions = {},
): postgres.Sql & PostgresSql {
  const sql = postgres(url, { max, backoff: false });
  // One that has lost its other end would never end by itself.
  onTestFinished(() => sql.end({ timeout: 1 }));
  return sql;
}

/** Both of them, by name: for tests of what they have in common. */
export const clients: readonly (readonly [
  name: string,
  connect: (url: string, options?: ClientOptions) => PgPool | PostgresSql,
])[] = [["pg", connectPg], ["postgres", connectPostgres]];
