import { existsSync } from "node:fs";
import process from "node:process";
import type { Config } from "../config.ts";
import { describeError } from "../describe-error.ts";
import { processorsOf } from "../entry/configured.ts";
import { loadConfig } from "../entry/load-config.ts";
import { openStorage } from "../entry/open-storage.ts";
import { type Logger, silentLogger } from "../logger.ts";
import type { Processor } from "../processor/processor.ts";
import { readStorageSettings, SettingsError } from "../settings.ts";
import { type Storage, StorageError } from "../storage/storage.ts";
import { parseStorageUrl } from "../storage/url.ts";
import { ExpectedError } from "./expected-error.ts";
import { withProgress } from "./progress.ts";

/** The flags of every verb that works on the storage. */
export interface StorageFlags {
  readonly config?: string;
  readonly json?: true;
}

/** A storage that answers, and what the settings say of those who share it. */
export interface OpenStorage {
  readonly storage: Storage;
  /** Those that a server of these settings has, by name. */
  readonly processors: Readonly<Record<string, Processor>>;
  readonly config: Config;
  /** What takes events while the storage fails. It is not opened. */
  readonly spool: string | Storage | undefined;
}

/** Works on the storage of the settings in the environment and the configuration, and closes it. */
export async function withStorage<T>(
  { config: configFile, json }: StorageFlags,
  work: (open: OpenStorage) => Promise<T>,
): Promise<T> {
  const config = await loadConfig(configFile);
  const settings = readStorageSettings(process.env, config);
  const storage = await withProgress(
    json,
    "Waiting for the storage…",
    openExisting(settings.storage),
  );
  try {
    const processors = processorsOf(settings, config);
    return await work({ storage, processors, config, spool: settings.spool });
  } finally {
    // What was done is done, and the process ends in any case.
    await storage.close().catch(() => {});
  }
}

/**
 * Opens what is there already, and makes nothing.
 *
 * @throws {ExpectedError} where there is nothing, or it does not answer.
 */
export async function openExisting(
  from: string | Storage,
  logger: Logger = silentLogger,
): Promise<Storage> {
  const missing = typeof from === "string" ? missingStorage(from) : undefined;
  if (missing !== undefined) throw new ExpectedError(1, missing);
  try {
    const storage = typeof from === "string"
      ? await openStorage(from, { logger, concurrency: 1 })
      : from;
    await storage.ping();
    return storage;
  } catch (error) {
    if (error instanceof StorageError || error instanceof SettingsError) throw error;
    const reason = error instanceof Error ? error.message : describeError(error);
    throw new ExpectedError(1, `The storage does not open: ${reason}`, { cause: error });
  }
}

/** Why there can be nothing at a storage's URL, or undefined. */
export function missingStorage(url: string): string | undefined {
  const location = parseStorageUrl(url);
  const path = location?.kind === "sqlite" ? location.path : undefined;
  if (location?.kind === "memory" || path === ":memory:") {
    return "The storage is the memory of the server's process, where nobody else can look: " +
      "expected another STORAGE_URL.";
  }
  if (path === undefined || existsSync(path)) return undefined;
  return `There is no SQLite file ${path} (STORAGE_URL): a server makes it when it starts.`;
}
