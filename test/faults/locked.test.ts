import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { expectRefusal } from "../support/answer.ts";
import { runtimes, startProcess } from "../support/process.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { failure, success } from "../support/wire.ts";
import { isLong } from "./long.ts";

const holder = `const { DatabaseSync } = require("node:sqlite");
const [, file, milliseconds] = process.argv;
const database = new DatabaseSync(file);
database.exec("BEGIN IMMEDIATE");
console.log("held");
setTimeout(() => database.exec("COMMIT"), Number(milliseconds));`;

/** A receiver over a file whose write lock another process holds for so long. */
async function setUpLocked(milliseconds: number) {
  const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  const file = join(cwd, "events.db");
  const storage = sqliteStorage(file);
  await storage.ping();
  const command = [...runtimes.node, "-e", holder, file, `${milliseconds}`];
  const child = startProcess(command, { cwd, env: {} });
  onTestFinished(async () => {
    await child.end("SIGKILL");
    await storage.close();
    await rm(cwd, { recursive: true });
  });
  await child.prints(/held/);
  return { ...setUp({ storage, role: "receiver" }), released: child.ended };
}

test.concurrent("locked: another process holds the write lock for 1 s, the answer is 200 after it", async () => {
  const { send, released } = await setUpLocked(1_000);
  const startedAt = performance.now();
  expect(await send(success)).toMatchObject({ status: 200, body: { status: "received" } });
  expect(performance.now() - startedAt).toBeGreaterThan(700);
  expect(await released).toBe(0);
});

test.concurrent("locked: another process holds the write lock for 10 s, the answer is 503 in time, and 200 after it", async () => {
  const { send, receiver, storage, released } = await setUpLocked(isLong ? 10_000 : 5_000);
  const startedAt = performance.now();
  const answers = [send(success), send(failure)];
  expect(await storage.list({ limit: 1 })).toEqual({ events: [], nextCursor: null });
  const alive = await receiver.fetch(new Request("http://localhost/healthz"));
  expect(alive.status).toBe(200);
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  for (const answer of await Promise.all(answers)) {
    expectRefusal(answer, 503, "storage_unavailable");
  }
  expect(performance.now() - startedAt).toBeLessThan(4_900);
  expect(await released).toBe(0);
  expect(await send(success)).toMatchObject({ status: 200, body: { status: "received" } });
});
