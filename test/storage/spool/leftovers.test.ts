import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { newEvent, repeatOf } from "../../support/new-event.ts";
import { root, runtimes, startProcess } from "../../support/process.ts";
import { newFile, setUp } from "../../support/spool-under-test.ts";

/** Processes over one storage and one spool. */
async function processes() {
  const primary = await newFile("events.db");
  const spool = await newFile();
  const script = `${root}test/support/spool-process.ts`;
  const run = async (kill: RegExp | undefined, ...args: string[]) => {
    const child = startProcess([...runtimes.node, script, primary, spool, ...args], {
      cwd: root,
      env: {},
    });
    onTestFinished(async () => void await child.end("SIGKILL"));
    if (kill) {
      await child.prints(kill);
      await child.end("SIGKILL");
    } else expect(await child.ended, child.output()).toBe(0);
    return [...child.output().matchAll(/^accepted (\S+)\n/gm)].map(([, id = ""]) => id);
  };
  return { run, primary };
}

describe("withSpool() over a spool that is not empty", () => {
  test("moves what an earlier process left, in order, before anything else", async () => {
    const earlier = await setUp();
    earlier.broken.is("rejects");
    const left = await earlier.acceptMany(130);
    await earlier.storage.close();

    const { acceptMany, allMoved, stored, log } = await setUp({ file: earlier.file });
    const more = await acceptMany(10);
    await allMoved();
    expect(await stored()).toEqual([...left, ...more]);
    expect(log.of("left in the spool")).toMatchObject([{ level: "warn" }]);
    const [{ moved } = {}] = log.of("the storage is back");
    expect(moved).toBeGreaterThanOrEqual(130);
  });

  test("keeps them, and their order, over starts in which the storage is down", async () => {
    const left: string[] = [];
    const file = await newFile();
    for (const outage of ["rejects", "hangs", "half"] as const) {
      const { broken, storage, acceptMany, log } = await setUp({ file });
      broken.is(outage);
      left.push(...await acceptMany(60));
      await vi.waitFor(() => expect(log.of("the storage fails")).toHaveLength(1), 5_000);
      const closedAt = performance.now();
      await storage.close();
      expect(performance.now() - closedAt).toBeLessThan(1_500);
    }
    const { allMoved, stored } = await setUp({ file });
    await allMoved();
    expect(await stored()).toEqual(left);
  });

  test("knows a repeat of what an earlier process left", async () => {
    const earlier = await setUp();
    earlier.broken.is("rejects");
    const first = await earlier.accept();
    await earlier.storage.close();

    const { broken, storage, allMoved, stored } = await setUp({ file: earlier.file });
    broken.is("rejects");
    expect(await storage.accept(repeatOf(first))).toMatchObject({ id: first.id, duplicate: true });
    broken.is("works");
    await allMoved();
    expect(await stored()).toEqual([first.id]);
  });

  test("waits for what a process that was killed still holds", async () => {
    let time = Date.now();
    const earlier = await setUp();
    earlier.broken.is("rejects");
    const first = await earlier.accept();
    await earlier.storage.close();
    const spool = sqliteStorage(earlier.file);
    await spool.claim({ processors: ["spool"], limit: 1, leaseMs: 600_000, maxAttempts: 9 });
    await spool.close();

    const late = sqliteStorage(earlier.file, { now: () => time });
    onTestFinished(() => late.close());
    const { storage, allMoved, stored } = await setUp({
      file: earlier.file,
      faulty: () => ({ claim: late.claim }),
    });
    const repeat = await storage.accept(repeatOf(first));
    expect(repeat).toMatchObject({ id: first.id, duplicate: true });
    expect(await storage.ping()).toEqual({ spooling: true, spooled: 2 });
    expect(await stored()).toEqual([]);
    time += 601_000;
    await allMoved();
    expect(await stored()).toEqual([first.id]);
  });

  test("removes what was moved from the file", async () => {
    const { broken, acceptMany, allMoved, file } = await setUp();
    broken.is("rejects");
    await acceptMany(20);
    broken.is("works");
    await allMoved();
    const database = new DatabaseSync(file);
    const count = database.prepare("SELECT count(*) AS count FROM events").get();
    database.close();
    expect(count).toEqual({ count: 0 });
  });

  test("touches nothing in the file of a storage, and says so", async () => {
    const file = await newFile();
    const other = sqliteStorage(file);
    onTestFinished(() => other.close());
    const result = await newEvent({ processors: [] });
    await other.accept(result);

    const { broken, storage, accept, stored, log } = await setUp({ file });
    await expect(storage.ping()).rejects.toThrow(/expected a place of its own/);
    const { id } = await accept();
    expect(await stored()).toEqual([id]);
    broken.is("rejects");
    await expect(accept()).rejects.toThrow(/a place of its own/);
    expect(log.of("the spool fails")).toMatchObject([{ level: "error" }]);
    expect((await other.list({ limit: 10 })).events).toMatchObject([{ id: result.id }]);
  });

  test("a killed process loses nothing that it accepted, and moves nothing twice", async () => {
    const { run, primary } = await processes();
    const accepted = await run(/^enough$/m, "accept");
    expect(accepted.length).toBeGreaterThanOrEqual(300);
    await run(/^moved 70$/m, "move");
    // An hour later, so that no lease of the process that was killed holds anything.
    await run(undefined, "move", "3600000");

    const storage = sqliteStorage(primary);
    onTestFinished(() => storage.close());
    const { events } = await storage.list({ limit: 100_000 });
    const ids = new Set(events.map(({ id }) => id));
    expect(events.length).toBe(ids.size);
    expect(accepted.filter((id) => !ids.has(id))).toEqual([]);
    for (const event of events) {
      expect(event).toMatchObject({
        duplicates: 0,
        deliveries: [{ state: "pending", attempts: 0 }],
      });
    }
  });

  test("keeps no process alive", async () => {
    const { run } = await processes();
    const [left] = await run(undefined, "leave");
    expect(left).toBeDefined();
  });
});
