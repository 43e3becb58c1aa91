import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { expect, test } from "vitest";
import { expectAllKept, fuzzReceiver } from "./campaign.ts";

// The same every time: a failure here is one of the change that is tested. `npm run fuzz` finds more.
const seed = 20_260_115;

test("fetch() answers 4,500 fuzzed requests by its contract, and keeps what is signed", async () => {
  const { answers } = await fuzzReceiver(memoryStorage(), { cases: 4_500, seed });
  // The cases are worth something only where they meet everything that can be answered.
  expect([...answers.keys()]).toEqual(
    expect.arrayContaining([200, 400, 401, 404, 405, 408, 413, 415, 422]),
  );
  expect(answers.get(200)).toBeGreaterThan(1_000);
});

test("fetch() keeps in SQLite what is signed of 500 fuzzed requests, with its very bytes", async () => {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  const path = join(folder, "events.db");
  const storage = sqliteStorage(path);
  const { kept } = await fuzzReceiver(storage, { cases: 500, seed: seed + 1 });
  await storage.close();
  expect(kept.size).toBeGreaterThan(100);
  const reopened = sqliteStorage(path);
  await expectAllKept(reopened, kept);
  await reopened.close();
  await rm(folder, { recursive: true });
});
