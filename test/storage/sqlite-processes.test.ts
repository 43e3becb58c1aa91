import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Process, root, runtimes, startProcess } from "../support/process.ts";

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

function start(command: readonly string[], cwd: string, ...args: string[]): Process {
  const script = `${root}test/support/sqlite-process.ts`;
  const child = startProcess([...command, script, ...args], { cwd, env: {} });
  onTestFinished(async () => void await child.end("SIGKILL"));
  return child;
}

/** The ids behind a word, of whole lines only. */
function printed(child: Process, word: string): string[] {
  return [...child.output().matchAll(new RegExp(`^${word} (\\S+)\\n`, "gm"))]
    .map(([, id = ""]) => id);
}

function integrity(file: string): unknown {
  const database = new DatabaseSync(file);
  try {
    return database.prepare("PRAGMA integrity_check").all().map((row) => Object.values(row));
  } finally {
    database.close();
  }
}

describe("sqliteStorage() in several processes", () => {
  test("one file, new when all open it at once, serves every runtime", async () => {
    const folder = await newFolder();
    const file = join(folder, "events.db");
    const jobs = 40;
    // Nobody gets to make the tables before all are there to do it.
    const lock = new DatabaseSync(file);
    lock.exec("BEGIN EXCLUSIVE");
    const commands = [...Object.values(runtimes), runtimes.node];
    const children = commands.map((command) => start(command, folder, "race", file, `${jobs}`));
    await Promise.all(children.map((child) => child.prints(/^ready$/m)));
    lock.close();
    for (const child of children) expect(await child.ended, child.output()).toBe(0);

    const all = (word: string) => children.flatMap((child) => printed(child, word));
    const stored = all("stored");
    expect(new Set(stored).size).toBe(jobs);
    expect(stored).toHaveLength(jobs);
    expect(all("knows")).toHaveLength(jobs * (children.length - 1));
    expect(new Set(all("knows"))).toEqual(new Set(stored));
    expect(all("done").sort()).toEqual(stored.sort());

    const storage = sqliteStorage(file);
    onTestFinished(() => storage.close());
    const { events } = await storage.list({ limit: jobs + 1 });
    expect(events).toHaveLength(jobs);
    for (const event of events) {
      expect(event).toMatchObject({
        duplicates: children.length - 1,
        deliveries: [{ state: "succeeded", attempts: 1 }],
      });
    }
    expect(integrity(file)).toEqual([["ok"]]);
  });

  test("what a killed process acknowledged is stored", async () => {
    const folder = await newFolder();
    const file = join(folder, "events.db");
    for (const command of Object.values(runtimes)) {
      const child = start(command, folder, "accept", file);
      await child.prints(/^busy$/m);
      expect(await child.end("SIGKILL")).toBe("SIGKILL");
      const stored = printed(child, "stored");
      const done = printed(child, "done");
      expect(stored.length).toBeGreaterThanOrEqual(30);
      expect(done.length).toBeGreaterThan(0);

      const storage = sqliteStorage(file);
      const found = await Promise.all(stored.map((id) => storage.get(id)));
      const ended = await Promise.all(done.map((id) => storage.get(id)));
      await storage.close();
      expect(found.map((event) => event?.id)).toEqual(stored);
      expect(ended.flatMap((event) => event?.deliveries.map(({ state }) => state)))
        .toEqual(done.map(() => "succeeded"));
      expect(integrity(file)).toEqual([["ok"]]);
    }
  });
});
