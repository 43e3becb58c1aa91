import { DatabaseSync } from "node:sqlite";
import { vi } from "vitest";

/** The connection by which a storage works: there is no other way to limit or to stop just that. */
export async function connectionOf(use: () => Promise<unknown>): Promise<DatabaseSync> {
  const prepare = vi.spyOn(DatabaseSync.prototype, "prepare");
  try {
    await use();
    return prepare.mock.contexts.at(-1) as DatabaseSync;
  } finally {
    prepare.mockRestore();
  }
}
