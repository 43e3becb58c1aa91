import { migrations } from "../sqlite/schema.ts";
import { StorageError } from "../storage.ts";
import type { D1Database } from "./database.ts";

// D1 lets no one write SQLite's own `user_version`. Each migration leaves a row, which can be there
// only once: of two that migrate at the same time the second fails as a whole.
const versions = "imggo_webhooks_migrations";

/**
 * Makes or migrates the tables, where that is left to do. Any number may do so at once.
 *
 * @throws {StorageError} when the database is of a newer version.
 */
export async function migrate(database: D1Database): Promise<void> {
  for (;;) {
    const version = await versionOf(database);
    if (version === migrations.length) return;
    const sql = [
      ...(version === 0 ? [`CREATE TABLE ${versions} (version INTEGER PRIMARY KEY) STRICT`] : []),
      ...migrations.slice(version).flatMap((migration, index) => [
        `INSERT INTO ${versions} VALUES (${version + index + 1})`,
        ...migration,
      ]),
    ];
    try {
      await database.batch(sql.map((statement) => database.prepare(statement)));
    } catch (error) {
      if (await versionOf(database) === version) throw error;
    }
  }
}

/** How many migrations the database has seen. */
async function versionOf(database: D1Database): Promise<number> {
  const query = database.prepare(`SELECT max(version) AS version FROM ${versions}`);
  let version: number;
  try {
    const [result] = await database.batch<{ version: number }>([query]);
    version = result?.results[0]?.version ?? 0;
  } catch (error) {
    if (error instanceof Error && error.message.includes(`no such table: ${versions}`)) return 0;
    throw error;
  }
  if (version > migrations.length) {
    throw new StorageError(
      "schema",
      `The database is of a newer version: expected schema ${migrations.length} or ` +
        `older, got ${version}. Update imggo-webhooks.`,
    );
  }
  return version;
}
