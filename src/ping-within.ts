import { within } from "./deadline.ts";
import { WebhookError } from "./errors.ts";
import type { Storage, StorageHealth } from "./storage/storage.ts";

/**
 * What a storage says of itself.
 *
 * @throws {WebhookError} `storage_unavailable` where it fails or takes longer.
 */
export async function pingWithin(
  storage: Storage,
  milliseconds: number,
): Promise<StorageHealth | void> {
  const late = () => new Error("the storage was too slow");
  // In an async function, so that a storage which throws instead of rejecting is no special case.
  const ping = (async () => await storage.ping())();
  return await within(ping, milliseconds, late).catch((cause) => {
    throw new WebhookError("storage_unavailable", {}, { cause });
  });
}
