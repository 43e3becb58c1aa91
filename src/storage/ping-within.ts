import { within } from "../deadline.ts";
import { type Storage, StorageError, type StorageHealth } from "./storage.ts";

/**
 * What a storage says of itself.
 *
 * @param signal Ends the wait.
 * @throws {StorageError} `unavailable` where it takes longer; what it fails with where it fails.
 */
export async function pingWithin(
  storage: Storage,
  milliseconds: number,
  signal?: AbortSignal,
): Promise<StorageHealth | void> {
  const late = () => new StorageError("unavailable", "The storage did not answer in time.");
  // In an async function, so that a storage which throws instead of rejecting is no special case.
  const ping = (async () => await storage.ping())();
  return await within(ping, milliseconds, late, signal);
}
