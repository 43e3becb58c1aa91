import { StorageError, type StorageErrorCode } from "imggo-webhooks";
import { expect } from "vitest";

/** That a storage's call rejects with this code. What it says. */
export async function expectRefused(
  work: Promise<unknown>,
  code: StorageErrorCode,
): Promise<string> {
  const error = await work.then(() => "not refused", (error: unknown) => error);
  expect(error).toBeInstanceOf(StorageError);
  expect((error as StorageError).code).toBe(code);
  return (error as StorageError).message;
}
