import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { expect, test } from "vitest";

test("sqliteStorage() forgets a rejection that is as old as one may become", async () => {
  let time = 1_000;
  const storage = sqliteStorage(":memory:", { now: () => time });
  const limits = { maxCount: 10, maxBytes: 1_000, maxAgeMs: 500 };
  const keep = (id: string) =>
    storage.rejections.add(
      { id, receivedAt: time, signature: "0".repeat(64), body: new Uint8Array(1) },
      limits,
    );
  await keep("rej_old");
  time += limits.maxAgeMs - 1;
  await keep("rej_young");
  time += 1;
  await keep("rej_new");
  const { rejections } = await storage.rejections.list({ limit: 10 });
  expect(rejections.map(({ id }) => id)).toEqual(["rej_young", "rej_new"]);
  await storage.close();
});
