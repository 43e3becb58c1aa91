import { StorageError } from "../storage.ts";
import type { Database, Query } from "./client.ts";
import { functions } from "./functions.ts";
import { migrations } from "./schema.ts";

// Of many millions of events an index takes minutes. Who waits meanwhile is told sooner, and where it
// were broken off it would be begun anew by each, and never end.
const migrationWithinMs = 3_600_000;

/**
 * Makes or migrates the tables of a schema. Any number of processes may do so at once.
 *
 * @throws {StorageError} `schema`, when they are of a newer version, or the settings of the client or
 * of the database unfit.
 */
export async function migrate(database: Database, schema: string): Promise<void> {
  await checkSession(database.query);
  if (await versionOf(database.query, schema) === migrations.length) return;
  await database.transaction(async (query) => {
    // Held until the transaction ends, which a pooler lets through.
    await query("SELECT pg_advisory_xact_lock(1231906647, hashtext($1::text))", [schema]);
    const version = await versionOf(query, schema);
    if (version === migrations.length) return;
    // Asked for only where it is missing: whoever may not create one can use one that is there.
    const [found] = await query("SELECT FROM pg_namespace WHERE nspname = $1::text", [schema]);
    const quoted = `"${schema}"`;
    if (found === undefined) await query(`CREATE SCHEMA ${quoted}`);
    if (version === 0) {
      await query(`CREATE TABLE ${quoted}.migrations (
        version integer PRIMARY KEY, run_at timestamptz NOT NULL DEFAULT now())`);
    }
    for (const [index, migration] of migrations.entries()) {
      if (index < version) continue;
      await query(migration(quoted), undefined, migrationWithinMs);
      await query(`INSERT INTO ${quoted}.migrations (version) VALUES ($1::integer)`, [index + 1]);
    }
    await query(functions(quoted));
  });
}

/** Refuses settings with which the statements would go wrong, for some events only. */
async function checkSession(query: Query): Promise<void> {
  const [row] = await query<{ isolation_level: unknown; encoding: unknown }>(
    "SELECT current_setting('transaction_isolation') AS isolation_level, " +
      "current_setting('server_encoding') AS encoding",
  );
  if (row?.isolation_level === undefined) {
    throw new StorageError(
      "schema",
      "PostgreSQL: expected a client that gives columns by the names they have, without `transform`.",
    );
  }
  if (row.isolation_level !== "read committed") {
    throw new StorageError(
      "schema",
      "PostgreSQL: expected sessions whose default_transaction_isolation is read committed, got " +
        `${row.isolation_level}.`,
    );
  }
  // SQL_ASCII keeps the bytes as they are; any other has no place for some names and errors.
  if (row.encoding !== "UTF8" && row.encoding !== "SQL_ASCII") {
    throw new StorageError(
      "schema",
      `PostgreSQL: expected a database whose encoding is UTF8, got ${row.encoding}. Make one by ` +
        "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.",
    );
  }
}

/** How many migrations a schema has seen: 0 where it is not there. */
async function versionOf(query: Query, schema: string): Promise<number> {
  const [table] = await query(
    "SELECT FROM pg_tables WHERE schemaname = $1::text AND tablename = 'migrations'",
    [schema],
  );
  if (table === undefined) return 0;
  const [row] = await query<{ version: number }>(
    `SELECT coalesce(max(version), 0) AS version FROM "${schema}".migrations`,
  );
  const version = row?.version ?? 0;
  if (version > migrations.length) {
    throw new StorageError(
      "schema",
      `PostgreSQL: the schema ${schema} was made by a newer version: expected ` +
        `${migrations.length} or older, got ${version}. Update imggo-webhooks.`,
    );
  }
  return version;
}
