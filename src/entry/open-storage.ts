import type { Logger } from "../logger.ts";
import type { Storage } from "../storage/storage.ts";
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
