import type { Storage } from "imggo-webhooks";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { expectRefusal } from "../support/answer.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { connectionOf } from "../support/sqlite-connection.ts";
import { mountTmpfs, type Tmpfs } from "../support/tmpfs.ts";
import { flatWithManifest, sampleJob } from "../support/wire.ts";

/** A storage on a disk with little room, and what gives it more. */
interface Small {
  readonly storage: Storage;
  readonly makeRoom: () => Promise<void> | void;
}

const megabyte = 1_048_576;

async function onTmpfs({ folder }: Tmpfs): Promise<Small> {
  const ballast = join(folder, "ballast");
  await writeFile(ballast, new Uint8Array(12 * megabyte));
  const storage = sqliteStorage(join(folder, "events.db"));
  onTestFinished(() => storage.close());
  return { storage, makeRoom: () => rm(ballast) };
}

async function withFewPages(): Promise<Small> {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  const storage = sqliteStorage(join(folder, "events.db"));
  onTestFinished(async () => {
    await storage.close();
    await rm(folder, { recursive: true });
  });
  const connection = await connectionOf(() => storage.ping());
  const limit = (pages: number) => void connection.exec(`PRAGMA max_page_count = ${pages}`);
  limit(200);
  return { storage, makeRoom: () => limit(100_000) };
}

const text = "x".repeat(40_000);
const jobOf = (number: number) =>
  flatWithManifest.succeeded({ ...sampleJob, job_id: `job-${number}`, result: { text } });

async function fillAndRecover({ storage, makeRoom }: Small): Promise<void> {
  const runs: string[] = [];
  const { send, receiver, log } = setUp({
    storage,
    role: "receiver",
    processors: { a: ({ data }) => runs.push(data.job_id) },
  });
  const ids: unknown[] = [];
  let answer = await send(jobOf(0));
  for (let next = 1; answer.status === 200; answer = await send(jobOf(next++))) {
    ids.push(answer.body["id"]);
    expect(next).toBeLessThan(200);
  }
  expect(ids.length).toBeGreaterThan(5);
  expectRefusal(answer, 503, "storage_unavailable");
  expect(log.of("not stored")[0]?.["error"]).toMatch(/Free some space/);

  // What is stored can be read, is known again, and is worked through.
  expect(await send(jobOf(0))).toMatchObject({ body: { status: "duplicate", id: ids[0] } });
  const { events } = await storage.list({ limit: 200 });
  expect(events.map(({ id }) => id)).toEqual([...ids].reverse());
  for (const { id } of events) expect((await storage.body(id))?.length).toBeGreaterThan(40_000);
  expect(await receiver.drain()).toMatchObject({ succeeded: ids.length });
  expectRefusal(await send(jobOf(500)), 503, "storage_unavailable");
  const rejection = {
    id: "rej_1",
    receivedAt: 0,
    signature: "0".repeat(64),
    body: new Uint8Array(40_000),
  };
  const limits = { maxCount: 10, maxBytes: megabyte, maxAgeMs: 60_000 };
  await expect(storage.rejections.add(rejection, limits)).rejects.toMatchObject({ code: "full" });

  await makeRoom();
  expect(await send(jobOf(500))).toMatchObject({ status: 200, body: { status: "received" } });
  expect(await receiver.drain()).toMatchObject({ succeeded: 1 });
  expect(runs.length).toBe(ids.length + 1);
}

test("disk full, by max_page_count: 503 and Retry-After, reads go on, recovers unaided", async () => {
  await fillAndRecover(await withFewPages());
});

const disk = mountTmpfs(24 * megabyte);
afterAll(() => disk?.unmount());
if (disk !== undefined) {
  test("disk full, a small tmpfs: 503 and Retry-After, reads go on, recovers unaided", async () => {
    await fillAndRecover(await onTmpfs(disk));
  });
}
