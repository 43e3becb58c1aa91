import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { connectionOf } from "../../support/sqlite-connection.ts";

// That a sync comes before each answer is shown from system calls; on macOS only this asks for one
// that reaches the disk.
test("sqliteStorage() has each commit synced to the disk, as far as the system can", async () => {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  const storage = sqliteStorage(join(folder, "events.db"));
  onTestFinished(async () => {
    await storage.close();
    await rm(folder, { recursive: true });
  });
  const connection = await connectionOf(() => storage.ping());
  const pragma = (name: string) =>
    Object.values(connection.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  expect(pragma("journal_mode")).toBe("wal");
  const full = 2;
  expect(pragma("synchronous")).toBe(full);
  expect([pragma("fullfsync"), pragma("checkpoint_fullfsync")]).toEqual([1, 1]);
});
