import { StorageError } from "imggo-webhooks";
import { expect } from "vitest";

/** Fails unless a call is refused as it is where a connection is lost. */
export async function expectUnavailable(work: Promise<unknown>): Promise<void> {
  const error = await work.then(() => "not refused", (error: unknown) => error);
  expect(error).toBeInstanceOf(StorageError);
  expect(error).toMatchObject({ code: "unavailable" });
}
