import { pause } from "../../deadline.ts";
import type { Logger } from "../../logger.ts";
import { StorageError } from "../storage.ts";
import { classify } from "./classify.ts";
import { type Connection, open, transact } from "./connection.ts";
import { createGroupCommit } from "./group-commit.ts";

/** What {@linkcode createAccess} takes. */
export interface AccessOptions {
  readonly now: () => number;
  readonly busyTimeoutMs: number;
  readonly logger: Logger;
}

/** How a file is read and written. Errors are classified. */
export interface Access {
  readonly now: () => number;
  /** In one transaction, with whatever is written at the same time. */
  write<T>(work: (connection: Connection) => T, signal?: AbortSignal): Promise<T>;
  /** Without a transaction: one statement sees one state of the file by itself. */
  read<T>(work: (connection: Connection) => T): Promise<T>;
  /** Several statements that see one state of the file. */
  readSnapshot<T>(work: (connection: Connection) => T): Promise<T>;
  close(): void;
}

/** Opens a file at the first use, and again where it was damaged or lost. */
export function createAccess(
  path: string,
  { now, busyTimeoutMs, logger }: AccessOptions,
): Access {
  let connection: Connection | undefined;
  // The one before it, whose file was damaged or is not at the path any more.
  let lost: Connection | undefined;
  let closed = false;

  const attempt = <T>(work: (connection: Connection) => T): T => {
    if (closed) throw new StorageError("unavailable", `SQLite ${path}: the storage is closed.`);
    // SQLite would take the old file's WAL for the new one's and damage it, and another process may
    // still write to it.
    if (lost?.leavesWal()) {
      throw new StorageError(
        "unavailable",
        `SQLite ${path}: the file was replaced while it was open. Stop every process that uses ` +
          `it, remove ${path}-wal and ${path}-shm, and start again.`,
      );
    }
    lost = undefined;
    const wasOpen = connection !== undefined;
    try {
      return work(connection ??= open(path, logger));
    } catch (cause) {
      const error = classify(cause, path);
      // A damaged or lost file is opened anew: it may have been put back.
      if (error.code === "corrupt" || error.code === "unavailable") forget();
      // What was opened when it could only be read stays so, though the file can be written by now.
      if (error.code === "readonly" && wasOpen && path !== ":memory:") {
        forget();
        return attempt(work);
      }
      throw error;
    }
  };

  const forget = () => {
    if (path === ":memory:" || connection === undefined) return;
    lost = connection;
    connection = undefined;
    try {
      lost.giveUp();
    } catch {
      // A damaged file can't be written; its WAL stays for the next one to open it.
    }
  };

  const write = createGroupCommit<Connection>({
    busyTimeoutMs,
    transact: (work) =>
      attempt((open) => {
        const result = transact(open.database, "write", () => work(open));
        open.checkPlace();
        return result;
      }),
  });

  // In WAL mode readers wait for no one, but for who makes or migrates the file.
  const read = async <T>(work: (connection: Connection) => T): Promise<T> => {
    const giveUpAt = performance.now() + busyTimeoutMs;
    while (true) {
      try {
        return attempt(work);
      } catch (error) {
        const busy = error instanceof StorageError && error.code === "busy";
        if (!busy || performance.now() > giveUpAt) throw error;
      }
      await pause(10);
    }
  };

  return {
    now,
    write,
    read,
    readSnapshot: (work) => read((open) => transact(open.database, "read", () => work(open))),
    close() {
      closed = true;
      connection?.database.close();
      connection = undefined;
    },
  };
}
