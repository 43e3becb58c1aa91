import type { Logger } from "../logger.ts";
import type { Storage } from "../storage/storage.ts";
import { expectedStorageUrl, parseStorageUrl } from "../storage/url.ts";

/**
 * The storage that a URL names. Only its own driver is loaded.
 *
 * @throws {TypeError} when the URL names none.
 */
export async function openStorage(url: string, logger: Logger): Promise<Storage> {
  const location = parseStorageUrl(url);
  switch (location?.kind) {
    case "sqlite":
      return (await import("../storage/sqlite.ts")).sqliteStorage(location.path, { logger });
    case "memory":
      return (await import("../storage/memory.ts")).memoryStorage();
    default:
      throw new TypeError(`The storage URL is invalid: ${expectedStorageUrl}.`);
  }
}
