import { statSync } from "node:fs";
import { pingWithin } from "../storage/ping-within.ts";
import { describeError } from "../describe-error.ts";
import type { Logger } from "../logger.ts";
import { type Settings, SettingsError } from "../settings.ts";
import { type Storage, StorageError } from "../storage/storage.ts";
import { expectedStorageUrl, parseStorageUrl } from "../storage/url.ts";

/** What {@linkcode openStorage} takes beside a URL. */
export interface OpenStorageOptions {
  readonly logger: Logger;
  /** How many processors run at once: each may need a connection. */
  readonly concurrency: number;
}

/**
 * The storage that a URL names. Only its own driver is loaded.
 *
 * @throws {TypeError} when the URL names none.
 * @throws {Error} when this runtime has none of its kind, or it cannot be opened.
 */
export async function openStorage(
  url: string,
  { logger, concurrency }: OpenStorageOptions,
): Promise<Storage> {
  const location = parseStorageUrl(url);
  switch (location?.kind) {
    case "sqlite":
      return (await import("../storage/sqlite.ts")).sqliteStorage(location.path, { logger });
    case "postgres":
      // Some more, for what is accepted and settled meanwhile.
      return (await import("./open-postgres.ts")).openPostgres(location.url, concurrency + 10);
    case "kv":
      return await (await import("./open-deno-kv.ts")).openDenoKv(location.path);
    case "memory":
      return (await import("../storage/memory.ts")).memoryStorage();
    default:
      throw new TypeError(`The storage URL is invalid: ${expectedStorageUrl}.`);
  }
}

// With a spool, a start does not wait longer for a storage that hangs.
const pingWithinMs = 5_000;

/**
 * The storage of the settings, which answers; with its spool, if there is one, it may also be down
 * for now.
 *
 * @throws What the storage says that will not mend by itself; {@linkcode SettingsError} where the
 * spool is the storage.
 */
export async function openStorages(
  { storage, spool }: Pick<Settings, "storage" | "spool">,
  options: OpenStorageOptions,
): Promise<Storage> {
  const { logger } = options;
  const open = async (from: string | Storage) =>
    typeof from === "string" ? await openStorage(from, options) : from;
  const primary = await open(storage);
  if (spool === undefined) {
    await primary.ping();
    return primary;
  }
  await pingWithin(primary, pingWithinMs).catch((error) => {
    if (!mendsItself(error)) throw error;
    logger.error("the storage does not answer: what comes is spooled", {
      error: describeError(error),
    });
  });
  const local = await open(spool);
  await local.ping();
  if (isSameFile(storage, spool)) {
    throw new SettingsError(["SPOOL_URL: expected another file than the storage's"]);
  }
  const { withSpool } = await import("../storage/spool.ts");
  const spooled = withSpool(primary, local, { logger });
  await spooled.ping();
  return spooled;
}

function mendsItself(error: unknown): boolean {
  return !(error instanceof StorageError) || !["denied", "schema", "corrupt"].includes(error.code);
}

/** Whether both lead to one file, by whatever path or link. */
function isSameFile(...places: readonly (string | Storage)[]): boolean {
  const [one, other] = places.map((place) => {
    const location = typeof place === "string" ? parseStorageUrl(place) : undefined;
    return location?.kind === "sqlite"
      ? statSync(location.path, { throwIfNoEntry: false })
      : undefined;
  });
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}
