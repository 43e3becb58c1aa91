import { statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { Logger } from "../../logger.ts";
import { StorageError } from "../storage.ts";
import { type Rows, sqlOf, type StatementName } from "./all-statements.ts";
import { hasRoom } from "./room.ts";
import { firstSound, isSound } from "./sound-version.ts";
import { applicationId, migrations } from "./schema.ts";

/** An open file and its prepared statements. */
export interface Connection {
  readonly database: DatabaseSync;
  /**
   * Fails where the paths no longer lead to the open file and its WAL: those that were deleted or
   * moved away would take what is written with them.
   */
  checkPlace(): void;
  /**
   * Fails where the disk has only the room left that what is stored already needs. It is looked at
   * now and then.
   *
   * @param size Of what is to be stored, in bytes.
   */
  checkRoom(size: number): void;
  /** Moves what the WAL holds into the file, wherever that is now, and closes it. */
  giveUp(): void;
  /** Whether the path leads to another file now, or to none, while this one's WAL is in its place. */
  leavesWal(): boolean;
  /** The first row, or undefined. */
  one<Name extends keyof Rows>(name: Name, ...values: SQLInputValue[]): Rows[Name] | undefined;
  all<Name extends keyof Rows>(name: Name, ...values: SQLInputValue[]): Rows[Name][];
  /** Inserts a row; its number. */
  add(name: StatementName, ...values: SQLInputValue[]): number;
  /** How many rows changed. */
  run(name: StatementName, ...values: SQLInputValue[]): number;
}

/**
 * Opens a file, and makes or migrates its tables.
 *
 * @throws What SQLite throws, or a {@linkcode StorageError} where the file has another schema.
 */
export function open(path: string, logger: Logger): Connection {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA busy_timeout = 0");
    migrate(database, path);
    warnOfFault(database, logger);
    const prepared = new Map<string, StatementSync>();
    const prepare = (name: StatementName): StatementSync => {
      let statement = prepared.get(name);
      if (statement === undefined) {
        statement = database.prepare(sqlOf[name]);
        prepared.set(name, statement);
      }
      return statement;
    };
    const wal = `${path}-wal`;
    const files = path === ":memory:" ? [] : [path, wal];
    const inodes = files.map(inodeOf);
    let roomUntil = 0;
    let roomFor = 0;
    return {
      database,
      checkPlace() {
        if (files.every((file, index) => inodeOf(file) === inodes[index])) return;
        throw new StorageError(
          "unavailable",
          `SQLite ${path}: the file or its -wal was deleted or replaced while it was open.`,
        );
      },
      checkRoom(size) {
        roomFor -= size;
        if (files.length === 0 || (roomFor > 0 && performance.now() < roomUntil)) return;
        if (hasRoom(statfsSync(dirname(path)))) {
          roomUntil = performance.now() + roomKnownMs;
          roomFor = roomKnownBytes;
          return;
        }
        throw new StorageError(
          "full",
          `SQLite ${path}: the rest of the disk is kept for what is stored already. ` +
            "Free some space.",
        );
      },
      giveUp() {
        try {
          database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
        } finally {
          database.close();
        }
      },
      leavesWal: () => inodeOf(path) !== inodes[0] && inodeOf(wal) === inodes[1],
      one: <Name extends keyof Rows>(name: Name, ...values: SQLInputValue[]) =>
        prepare(name).get(...values) as Rows[Name] | undefined,
      all: <Name extends keyof Rows>(name: Name, ...values: SQLInputValue[]) =>
        prepare(name).all(...values) as unknown as Rows[Name][],
      add: (name, ...values) => Number(prepare(name).run(...values).lastInsertRowid),
      run: (name, ...values) => Number(prepare(name).run(...values).changes),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

// How long, and for how much, a disk that had room is taken to have it: an eighth of the reserve.
const roomKnownMs = 100;
const roomKnownBytes = 1_048_576;

/** What tells a file from every other one, or undefined where there is none. */
function inodeOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino}`;
}

function warnOfFault(database: DatabaseSync, logger: Logger): void {
  const version = String(database.prepare("SELECT sqlite_version() AS version").get()?.["version"]);
  if (isSound(version)) return;
  logger.warn("this SQLite has a rare fault in its WAL: use a newer runtime", {
    version,
    sound_since: firstSound,
  });
}

function migrate(database: DatabaseSync, path: string): void {
  // Read as one: another process may be making the tables.
  transact(database, "read", () => versionOf(database, path));
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  // On macOS a plain fsync does not reach the disk; elsewhere these change nothing.
  database.exec("PRAGMA fullfsync = ON");
  database.exec("PRAGMA checkpoint_fullfsync = ON");
  const isCurrent = () => versionOf(database, path) === migrations.length;
  if (transact(database, "read", isCurrent)) return;
  transact(database, "write", () => {
    const missing = migrations.slice(versionOf(database, path)).flat();
    for (const statement of missing) database.exec(statement);
    database.exec(`PRAGMA application_id = ${applicationId}`);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
  });
}

/**
 * How many migrations a file has seen.
 *
 * @throws {StorageError} when it is of something else, or of a newer version.
 */
function versionOf(database: DatabaseSync, path: string): number {
  const pragma = (name: string) => Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
  const owner = pragma("application_id");
  const anyTable = database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() !== undefined;
  if (owner !== applicationId && (owner !== 0 || anyTable)) {
    throw new StorageError(
      "schema",
      `${path} is a SQLite database of something else: expected a new file or one of this program.`,
    );
  }
  const version = pragma("user_version");
  if (version > migrations.length) {
    throw new StorageError(
      "schema",
      `${path} was written by a newer version: expected schema ${migrations.length} or older, ` +
        `got ${version}. Update imggo-webhooks.`,
    );
  }
  return version;
}

/** Runs a function as one transaction: all of it, or nothing. */
export function transact<T>(database: DatabaseSync, kind: "read" | "write", work: () => T): T {
  // A transaction that begins by reading and then writes fails at once where another one wrote.
  database.exec(kind === "write" ? "BEGIN IMMEDIATE" : "BEGIN");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    rollback(database);
    throw error;
  }
}

function rollback(database: DatabaseSync): void {
  try {
    // SQLite itself rolls back on some errors.
    if (database.isTransaction) database.exec("ROLLBACK");
  } catch {
    // The first error says more, and a connection that failed is given up.
  }
}
