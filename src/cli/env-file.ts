import {
  accessSync,
  closeSync,
  constants,
  fchownSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { type EnvTextChange, hasSecret, withSecret } from "./env-text.ts";
import { ExpectedError } from "./expected-error.ts";

/** An env file that a secret can be saved in. */
export interface EnvFile {
  /** Whether it has one, by now, that a receiver takes. */
  hasSecret(): boolean;
  /** Sets `WEBHOOK_SECRET` in it: all of the file is written, or none. */
  save(secret: string): EnvTextChange;
}

/**
 * Opens an env file, or one that is yet to be made.
 *
 * @throws {ExpectedError} where it could not be written.
 */
export function openEnvFile(path: string): EnvFile {
  explained(path, () => {
    accessSync(dirname(path), constants.W_OK);
    read(path);
  });
  return {
    hasSecret: () => explained(path, () => hasSecret(read(path).text)),
    save: (secret) =>
      explained(path, () => {
        const file = read(path);
        const change = withSecret(file.text, secret);
        if (change === undefined) {
          throw refused(path, "the secret has characters that an env file cannot hold");
        }
        write(path, change.text, file.stats);
        return change;
      }),
  };
}

function read(path: string): { text: string; stats: Stats | undefined } {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return { text: "", stats };
  if (stats.isSymbolicLink()) {
    throw refused(path, "it is a symbolic link; name the file that it stands for");
  }
  if (!stats.isFile()) {
    throw refused(path, stats.isDirectory() ? "it is a folder" : "it is no plain file");
  }
  try {
    // With its byte order mark, if it has one: what is written is what was read.
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return { text: decoder.decode(readFileSync(path)), stats };
  } catch (error) {
    if (error instanceof TypeError) throw refused(path, "it is not text in UTF-8");
    throw error;
  }
}

/** Writes beside the file, and takes its place. */
function write(path: string, text: string, stats: Stats | undefined): void {
  const folder = dirname(path);
  const beside = join(folder, `.${basename(path)}.${crypto.randomUUID()}`);
  const descriptor = openSync(beside, "wx", 0o600);
  try {
    try {
      writeFileSync(descriptor, text);
      if (stats !== undefined) keepOwner(descriptor, stats);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(beside, path);
    syncFolder(folder);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, "r");
    fsyncSync(descriptor);
    closeSync(descriptor);
  } catch {
    // Some systems open no folders; there the name is kept when they like.
  }
}

function keepOwner(descriptor: number, { uid, gid }: Stats): void {
  try {
    fchownSync(descriptor, uid, gid);
  } catch {
    // Only root can give a file away.
  }
}

function explained<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ExpectedError) throw error;
    const { code } = error as { code?: string };
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: "there is no such folder",
      ENOTDIR: "there is no such folder",
      EACCES: "you have no right to write it",
      EPERM: "you have no right to write it",
      EROFS: "nothing can be written there",
      ENOSPC: "the disk is full",
    };
    throw refused(path, reasons[code ?? ""] ?? `it cannot be written (${code})`);
  }
}

function refused(path: string, reason: string): ExpectedError {
  return new ExpectedError(1, `Cannot save to ${path}: ${reason}.`);
}
