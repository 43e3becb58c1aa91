import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { newEvent } from "../support/new-event.ts";
import { root, runtimes, startProcess } from "../support/process.ts";
import { isLong } from "./long.ts";

const deliveries = isLong ? 10_000 : 300;
const workers = isLong ? 8 : 3;

test("two workers: 8 processes, 10,000 deliveries, one winner each", async () => {
  const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  onTestFinished(() => rm(cwd, { recursive: true }));
  const file = join(cwd, "events.db");
  const storage = sqliteStorage(file);
  onTestFinished(() => storage.close());
  const ids: string[] = [];
  while (ids.length < deliveries) {
    const events = await Promise.all(Array.from({ length: 100 }, () => newEvent()));
    const accepted = await Promise.all(events.map((event) => storage.accept(event)));
    ids.push(...accepted.map(({ id }) => id));
  }
  const script = `${root}test/support/sqlite-process.ts`;
  const children = Array.from(
    { length: workers },
    () => startProcess([...runtimes.node, script, "race", file, "0"], { cwd, env: {} }),
  );
  const done: string[][] = [];
  for (const child of children) {
    expect(await child.ended, child.output()).toBe(0);
    done.push([...child.output().matchAll(/^done (\S+)$/gm)].map(([, id = ""]) => id));
  }
  expect(done.flat().sort()).toEqual(ids.sort());
  // It was a race.
  expect(done.filter((each) => each.length > 0).length).toBeGreaterThan(1);
  const { deliveries: counts } = await storage.stats();
  expect(counts).toEqual({ pending: 0, running: 0, succeeded: deliveries, dead: 0 });
}, 300_000);
