import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { Buffer } from "node:buffer";
import { chmodSync } from "node:fs";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { expectRefusal, readAnswer } from "../support/answer.ts";
import { newEvent } from "../support/new-event.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { mountTmpfs, type Tmpfs } from "../support/tmpfs.ts";
import { success } from "../support/wire.ts";

const readyz = "http://localhost/readyz";

async function newFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "events.db");
  const storage = sqliteStorage(file);
  await storage.accept(await newEvent());
  await storage.close();
  return file;
}

test("corrupt header: 503 and not ready, the file untouched, and 200 once it is restored", async () => {
  const file = await newFile();
  const sound = await readFile(file);
  const corrupt = Buffer.from(sound).fill(0x58, 0, 100);
  await writeFile(file, corrupt);
  const storage = sqliteStorage(file);
  onTestFinished(() => storage.close());
  const { send, receiver, log } = setUp({ storage, processors: { a: () => {} } });
  receiver.start();
  for (let count = 0; count < 3; count++) {
    expectRefusal(await send(success), 503, "storage_unavailable");
    const ready = await readAnswer(await receiver.fetch(new Request(readyz)));
    expectRefusal(ready, 503, "storage_unavailable");
  }
  expect(log.of("not stored")[0]?.["error"]).toMatch(/It was left as it is: restore it/);
  expect((await readFile(file)).equals(corrupt)).toBe(true);

  await writeFile(file, sound);
  expect(await send(success)).toMatchObject({ status: 200, body: { status: "received" } });
  expect((await receiver.fetch(new Request(readyz))).status).toBe(200);
  expect((await storage.list({ limit: 10 })).events).toHaveLength(2);
});

/** A place of a file, and what lets it be written again. */
interface ReadOnly {
  readonly file: string;
  readonly restore: () => void;
}

// As after a kill: what was stored last is in the WAL.
async function copyOpenFile(to: string): Promise<readonly string[]> {
  const file = await newFile();
  const storage = sqliteStorage(file);
  await storage.accept(await newEvent());
  const ends = ["", "-wal", "-shm"];
  for (const end of ends) await copyFile(file + end, to + end);
  await storage.close();
  return ends.map((end) => to + end);
}

async function onTmpfs(disk: Tmpfs): Promise<ReadOnly> {
  const file = join(disk.folder, "events.db");
  await copyOpenFile(file);
  disk.remount("ro");
  return { file, restore: () => disk.remount("rw") };
}

async function byMode(): Promise<ReadOnly> {
  const file = `${await newFile()}.copy`;
  const files = await copyOpenFile(file);
  const setModes = (mode: number) => files.forEach((each) => chmodSync(each, mode));
  setModes(0o444);
  return { file, restore: () => setModes(0o644) };
}

async function refuseAndRecover({ file, restore }: ReadOnly): Promise<void> {
  const storage = sqliteStorage(file);
  onTestFinished(() => storage.close());
  const { send, log } = setUp({ storage });
  for (let count = 0; count < 2; count++) {
    expectRefusal(await send(success), 503, "storage_unavailable");
    expect((await storage.list({ limit: 10 })).events).toHaveLength(2);
  }
  expect(log.of("not stored")[0]?.["error"]).toMatch(/cannot be written: check their owner/);
  restore();
  expect(await send(success)).toMatchObject({ status: 200, body: { status: "received" } });
  expect((await storage.list({ limit: 10 })).events).toHaveLength(3);
}

// To mount takes an administrator, and modes mean nothing to one.
const disk = mountTmpfs(4 * 1_048_576);
afterAll(() => disk?.unmount());
if (disk !== undefined) {
  test("read-only file, on a file system that is: 503 while reads go on, and 200 once it can be written", async () => {
    await refuseAndRecover(await onTmpfs(disk));
  });
}
if (userInfo().uid !== 0) {
  test("read-only file, by its mode: 503 while reads go on, and 200 once it can be written", async () => {
    await refuseAndRecover(await byMode());
  });
}
