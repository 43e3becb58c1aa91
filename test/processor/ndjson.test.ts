import { ndjson } from "imggo-webhooks/processor/ndjson";
import { existsSync } from "node:fs";
import {
  appendFile,
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { canonical, contextOf } from "../support/processor-input.ts";
import { nested, sampleJob } from "../support/wire.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-ndjson-"));
  path = join(folder, "results.ndjson");
});
afterEach(() => rm(folder, { recursive: true }));

const succeeded = (result: unknown) => canonical(nested.succeeded({ ...sampleJob, result }));
const lines = async () => (await readFile(path, "utf8")).split("\n");
const ids = async () =>
  (await lines()).filter((line) => line !== "").map((line) => JSON.parse(line).id);

test("ndjson() appends a line for each event, before it is done", async () => {
  const event = succeeded({ text: "two\nlines \u2028 Käse" });
  const archive = ndjson(path);
  await archive(event, contextOf("evt_1"));
  const [line = "", end, ...more] = await lines();
  expect(JSON.parse(line)).toEqual({
    id: "evt_1",
    received_at: new Date(0).toISOString(),
    ...event,
  });
  expect([end, more]).toEqual(["", []]);
  await archive(event, contextOf("evt_1"));
  expect(await ids()).toEqual(["evt_1", "evt_1"]);
});

test("ndjson() is done once the disk has the line, by one write and a sync", async () => {
  const probe = await open(folder, "r");
  const file: FileHandle = Object.getPrototypeOf(probe);
  await probe.close();
  const steps: string[] = [];
  const { write, sync } = file;
  vi.spyOn(file, "write").mockImplementation(async function (this: FileHandle, bytes: Uint8Array) {
    const result = await (write as (bytes: Uint8Array) => ReturnType<FileHandle["write"]>).call(
      this,
      bytes,
    );
    steps.push(`wrote ${result.bytesWritten === bytes.length ? "all" : "a part"}`);
    return result;
  } as never);
  vi.spyOn(file, "sync").mockImplementation(async function (this: FileHandle) {
    await sync.call(this);
    steps.push("synced");
  });
  onTestFinished(() => void vi.restoreAllMocks());
  await ndjson(path)(succeeded(1), contextOf("evt_1"));
  steps.push("done");
  // The second sync is of the folder, in which the file is new.
  expect(steps).toEqual(["wrote all", "synced", "synced", "done"]);
});

test("ndjson() keeps lines whole and in order that come at once", async () => {
  const archive = ndjson(path);
  const names = Array.from({ length: 100 }, (_, index) => `evt_${index}`);
  await Promise.all(names.map((id) => archive(succeeded("x".repeat(5_000)), contextOf(id))));
  expect(await ids()).toEqual(names);
});

test("ndjson() begins a line of its own behind one that is torn", async () => {
  await appendFile(path, '{"id":"evt_0","recei');
  await ndjson(path)(succeeded(1), contextOf("evt_1"));
  const [torn, whole = "", ...end] = await lines();
  expect(torn).toBe('{"id":"evt_0","recei');
  expect(JSON.parse(whole)).toMatchObject({ id: "evt_1" });
  expect(end).toEqual([""]);
});

test("ndjson() goes on in a new file where the old one was moved away", async () => {
  const archive = ndjson(path);
  await archive(succeeded(1), contextOf("evt_1"));
  await rename(path, `${path}.1`);
  await archive(succeeded(1), contextOf("evt_2"));
  expect(await ids()).toEqual(["evt_2"]);
});

test("ndjson() fails where it cannot write, and writes again once it can", async () => {
  const archive = ndjson(join(folder, "missing", "results.ndjson"));
  const failures = await Promise.allSettled(
    ["evt_1", "evt_2"].map((id) => archive(succeeded(1), contextOf(id))),
  );
  expect(failures.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(failures[0]).toMatchObject({ reason: { code: "ENOENT" } });
  path = join(folder, "missing", "results.ndjson");
  await mkdir(join(folder, "missing"));
  await archive(succeeded(1), contextOf("evt_3"));
  expect(await ids()).toEqual(["evt_3"]);
});

test("ndjson() fails on a full disk", async () => {
  // Where there is such a device: on Linux.
  if (!existsSync("/dev/full")) return;
  await expect(Promise.resolve(ndjson("/dev/full")(succeeded(1), contextOf("evt_1"))))
    .rejects.toMatchObject({ code: "ENOSPC" });
});

test("ndjson() writes nothing once its time is up", async () => {
  const ended = AbortSignal.abort(new Error("the time is up"));
  await expect(Promise.resolve(ndjson(path)(succeeded(1), contextOf("evt_1", ended))))
    .rejects.toThrow("the time is up");
  await expect(lines()).rejects.toMatchObject({ code: "ENOENT" });
});
