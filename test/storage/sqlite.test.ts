import { type Claim, type Storage, StorageError, type StorageErrorCode } from "imggo-webhooks";
import { sqliteStorage, type SqliteStorageOptions } from "imggo-webhooks/storage/sqlite";
import { Buffer } from "node:buffer";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { applicationId, migrations } from "../../src/storage/sqlite/schema.ts";
import { earlierVersions } from "../support/earlier-versions.ts";
import { newEvent, repeatOf } from "../support/new-event.ts";
import { describeStorage, testClock } from "./contract.ts";

const remove = (folder: string) => rm(folder, { recursive: true });
const makeFolder = () => mkdtemp(join(tmpdir(), "imggo-webhooks-"));

describeStorage("sqliteStorage()", {
  async create() {
    const clock = testClock();
    const folder = await makeFolder();
    return {
      open: () => sqliteStorage(join(folder, "events.db"), clock),
      advance: clock.advance,
      dispose: () => remove(folder),
    };
  },
});

const request = { processors: ["a"], limit: 10, leaseMs: 60_000, maxAttempts: 3 };

/** A path in a folder of its own, where nothing is yet. */
async function newPath(): Promise<string> {
  const folder = await makeFolder();
  onTestFinished(() => remove(folder));
  return join(folder, "events.db");
}

function open(path: string, options?: SqliteStorageOptions): Storage {
  const storage = sqliteStorage(path, options);
  onTestFinished(() => storage.close());
  return storage;
}

/** A file as this program leaves it, with an event in it. */
async function newFile(): Promise<string> {
  const path = await newPath();
  const storage = sqliteStorage(path);
  await storage.accept(await newEvent());
  await storage.close();
  return path;
}

function execute(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

/** Another connection, in the middle of a transaction. */
function hold(path: string, begin = "BEGIN IMMEDIATE"): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec(begin);
  onTestFinished(() => {
    if (database.isOpen) database.close();
  });
  return database;
}

async function expectRefused(work: Promise<unknown>, code: StorageErrorCode): Promise<string> {
  const error = await work.then(() => "not refused", (error: unknown) => error);
  expect(error).toBeInstanceOf(StorageError);
  expect((error as StorageError).code).toBe(code);
  return (error as StorageError).message;
}

/** That whatever is asked of it is refused, and that it leaves its folder as it is. */
async function expectUntouched(path: string, code: StorageErrorCode): Promise<string> {
  const content = async () => {
    const names = (await readdir(dirname(path))).sort();
    return await Promise.all(names.map(async (name) => {
      const bytes = await readFile(join(dirname(path), name));
      return [name, bytes.toString("latin1")];
    }));
  };
  const before = await content();
  const storage = sqliteStorage(path);
  const message = await expectRefused(storage.accept(await newEvent()), code);
  await expectRefused(storage.claim(request), code);
  await expectRefused(storage.list({ limit: 1 }), code);
  await expectRefused(storage.ping(), code);
  await storage.close();
  // Not `toEqual`, which would print two whole files.
  expect(JSON.stringify(await content()) === JSON.stringify(before)).toBe(true);
  expect(message).toContain(path);
  return message;
}

describe("sqliteStorage() and its locks", () => {
  test("accept() waits for another's write lock without blocking the event loop", async () => {
    const path = await newFile();
    const storage = open(path);
    await storage.ping();
    const lock = hold(path);
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 10);
    setTimeout(() => lock.close(), 300);
    const event = await newEvent();
    const startedAt = performance.now();
    const accepted = await storage.accept(event);
    clearInterval(ticking);
    expect(performance.now() - startedAt).toBeGreaterThan(250);
    expect(ticks).toBeGreaterThan(10);
    expect(accepted).toMatchObject({ id: event.id, duplicate: false });
    expect(await storage.get(event.id)).toBeDefined();
  });

  test("accept() waits for a file that another one is making", async () => {
    const path = await newPath();
    const lock = hold(path, "BEGIN EXCLUSIVE");
    setTimeout(() => lock.close(), 100);
    expect(await open(path).accept(await newEvent())).toMatchObject({ duplicate: false });
  });

  test("accept() gives up after busyTimeoutMs, and works again after the lock", async () => {
    const path = await newFile();
    const storage = open(path, { busyTimeoutMs: 50 });
    await storage.ping();
    const lock = hold(path);
    const event = await newEvent();
    const startedAt = performance.now();
    await expectRefused(storage.accept(event), "busy");
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    lock.close();
    expect(await storage.get(event.id)).toBeUndefined();
    expect(await storage.accept(event)).toMatchObject({ id: event.id, duplicate: false });
  });

  test("settle(), renew(), prune() and claim() give up after busyTimeoutMs", async () => {
    const path = await newFile();
    const clock = testClock();
    const storage = open(path, { busyTimeoutMs: 50, now: clock.now });
    await storage.accept(await newEvent());
    const { claims: [claim] } = await storage.claim(request);
    if (claim === undefined) throw new Error("nothing was claimed");
    clock.advance(2 * request.leaseMs);
    const lock = hold(path);
    await Promise.all([
      expectRefused(storage.settle(claim, { kind: "succeeded" }), "busy"),
      expectRefused(storage.renew(claim, 60_000), "busy"),
      expectRefused(storage.prune({ receivedBefore: clock.now(), limit: 1 }), "busy"),
      expectRefused(storage.claim(request), "busy"),
    ]);
    lock.close();
    expect(await storage.settle(claim, { kind: "succeeded" })).toBe(true);
  });

  test("accept() stops waiting when its signal aborts", async () => {
    const path = await newFile();
    const storage = open(path, { busyTimeoutMs: 60_000 });
    await storage.ping();
    const lock = hold(path);
    const event = await newEvent();
    const giveUp = new AbortController();
    const refused = expectRefused(storage.accept(event, giveUp.signal), "busy");
    setTimeout(() => giveUp.abort(), 30);
    await refused;
    lock.close();
    expect(await storage.get(event.id)).toBeUndefined();
    expect(await storage.accept(event)).toMatchObject({ duplicate: false });
  });

  test("accept() waits on when the signal of another call aborts", async () => {
    const path = await newPath();
    const lock = hold(path, "BEGIN EXCLUSIVE");
    const storage = open(path, { busyTimeoutMs: 10_000 });
    const giveUp = new AbortController();
    const impatient = expectRefused(storage.accept(await newEvent(), giveUp.signal), "busy");
    const patient = storage.accept(await newEvent());
    patient.catch(() => {});
    setTimeout(() => giveUp.abort(), 30);
    await impatient;
    lock.close();
    expect(await patient).toMatchObject({ duplicate: false });
  });

  test("reading, and a claim of nothing, wait for no write lock", async () => {
    const path = await newFile();
    const storage = open(path, { busyTimeoutMs: 0 });
    const { events: [stored] } = await storage.list({ limit: 1 });
    await storage.claim(request);
    hold(path);
    await storage.ping();
    expect(await storage.get(stored?.id ?? "")).toBeDefined();
    expect(await storage.body(stored?.id ?? "")).toBeDefined();
    expect((await storage.list({ limit: 1 })).events).toHaveLength(1);
    expect(await storage.claim(request)).toEqual({ claims: [], exhausted: [] });
  });

  test("two storages make the tables of one new file at once", async () => {
    const path = await newPath();
    const lock = hold(path, "BEGIN EXCLUSIVE");
    const accepting = [open(path), open(path)].map(async (storage) => {
      const event = await newEvent();
      await storage.accept(event);
      return event.id;
    });
    setTimeout(() => lock.close(), 50);
    const ids = await Promise.all(accepting);
    const { events } = await open(path).list({ limit: 10 });
    expect(events.map(({ id }) => id).sort()).toEqual(ids.sort());
  });
});

for (const { version, name, rows, clock, expectKept } of earlierVersions) {
  test(`sqliteStorage() migrates a file of the ${name} version, which keeps what it holds`, async () => {
    const path = await newPath();
    execute(
      path,
      `PRAGMA journal_mode = WAL; ${migrations.slice(0, version).flat().join(";")}; ${rows};
       PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}`,
    );
    const storages = [open(path, clock), open(path, clock)] as const;
    await Promise.all(storages.map((storage) => storage.ping()));
    await expectKept(storages[0]);
  });
}

describe("sqliteStorage() and files it cannot use", () => {
  const damages: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
    "its header overwritten": (bytes) => bytes.fill(0x58, 0, 100),
    "its first half gone": (bytes) => bytes.subarray(bytes.length / 2),
    "its pages overwritten": (bytes) => bytes.fill(0x58, 4_096),
    "other content": (bytes) => bytes.fill(0x20),
  };
  for (const [how, damage] of Object.entries(damages)) {
    test(`a file with ${how} is corrupt, and left untouched`, async () => {
      const path = await newFile();
      const sound = await readFile(path);
      const [damaged, storage] = [Buffer.from(damage(Buffer.from(sound))), open(path)];
      await writeFile(path, damaged);
      await expectRefused(storage.accept(await newEvent()), "corrupt");
      expect((await readFile(path)).equals(damaged)).toBe(true);
    });
  }

  test("a file with its header overwritten works again once it is restored", async () => {
    const path = await newFile();
    const sound = await readFile(path);
    await writeFile(path, Buffer.from(sound).fill(0x58, 0, 100));
    await expectUntouched(path, "corrupt");
    const storage = open(path);
    await expectRefused(storage.accept(await newEvent()), "corrupt");
    await writeFile(path, sound);
    expect(await storage.accept(await newEvent())).toMatchObject({ duplicate: false });
    expect((await storage.list({ limit: 10 })).events).toHaveLength(2);
  });

  test("a file that is overwritten while it is open works again once it is put back", async () => {
    const path = await newFile();
    const sound = await readFile(path);
    const storage = open(path);
    await storage.ping();
    await writeFile(path, Buffer.alloc(sound.length, 0x58));
    await expectRefused(storage.accept(await newEvent()), "corrupt");
    await expectRefused(storage.accept(await newEvent()), "corrupt");
    await writeFile(path, sound);
    expect(await storage.accept(await newEvent())).toMatchObject({ duplicate: false });
    expect((await storage.list({ limit: 10 })).events).toHaveLength(2);
  });

  const removeWal = async (path: string) => {
    for (const file of [`${path}-wal`, `${path}-shm`]) await rm(file, { force: true });
  };
  const losses: Readonly<Record<string, (path: string) => Promise<void>>> = {
    "deleted": (path) => rm(path),
    "deleted with its WAL": async (path) => {
      await rm(path);
      await removeWal(path);
    },
    "renamed away": (path) => rename(path, `${path}.old`),
    "replaced by a copy": async (path) => {
      const bytes = await readFile(path);
      await rename(path, `${path}.old`);
      await writeFile(path, bytes);
    },
    "left without its WAL": (path) => rm(`${path}-wal`),
  };
  // SQLite would read a WAL that stays as that of the file which is at the path now.
  const refused = ["deleted", "renamed away", "replaced by a copy"];
  for (const [how, lose] of Object.entries(losses)) {
    test(`a file that is ${how} while it is open takes nothing more with it`, async () => {
      const path = await newFile();
      const use = async (work: (storage: Storage, claim: Claim) => Promise<unknown>) => {
        const storage = open(path);
        const before = await newEvent();
        await storage.accept(before);
        const { claims: [claim] } = await storage.claim({ ...request, limit: 1 });
        if (claim === undefined) throw new Error("nothing was claimed");
        await storage.accept(await newEvent());
        await lose(path);
        await expectRefused(work(storage, claim), "unavailable");
        if (refused.includes(how)) {
          await expectRefused(storage.accept(await newEvent()), "unavailable");
          await removeWal(path);
        }
        const event = await newEvent();
        expect(await storage.accept(event)).toMatchObject({ id: event.id, duplicate: false });
        await storage.ping();
        // What was accepted is at the path, for whoever opens it next; and what was accepted before
        // is where the file went.
        expect(await open(path).get(event.id)).toBeDefined();
        const there = how.startsWith("left") ? path : `${path}.old`;
        if (!how.startsWith("deleted")) expect(await open(there).get(before.id)).toBeDefined();
      };
      const event = await newEvent();
      await use((storage) => storage.accept(event));
      await use((storage) => storage.claim(request));
      await use((storage, claim) => storage.settle(claim, { kind: "succeeded" }));
      await use((storage) => storage.ping());
    });
  }

  test("a backup that is put in the place of an open file stays sound", async () => {
    const path = await newFile();
    const storage = open(path);
    for (let count = 0; count < 50; count++) await storage.accept(await newEvent());
    execute(path, `VACUUM INTO '${path}.backup'`);
    for (let count = 0; count < 300; count++) await storage.accept(await newEvent());
    await rename(`${path}.backup`, path);
    await expectRefused(storage.accept(await newEvent()), "unavailable");
    await expectRefused(storage.accept(await newEvent()), "unavailable");
    await removeWal(path);
    await storage.accept(await newEvent());
    await storage.close();
    const database = new DatabaseSync(path);
    expect(database.prepare("PRAGMA integrity_check").get()).toMatchObject({
      integrity_check: "ok",
    });
    expect(database.prepare("SELECT count(*) AS events FROM events").get()).toMatchObject({
      events: 52,
    });
    database.close();
  });

  const others: Readonly<Record<string, string>> = {
    "with tables":
      "CREATE TABLE invoices (id INTEGER PRIMARY KEY); INSERT INTO invoices VALUES (1)",
    "with an application_id": "PRAGMA application_id = 7",
    "that is in use": "PRAGMA journal_mode = WAL; CREATE TABLE invoices (id INTEGER)",
  };
  for (const [what, sql] of Object.entries(others)) {
    test(`a file of another application ${what} is refused, and left untouched`, async () => {
      const path = await newPath();
      execute(path, sql);
      expect(await expectUntouched(path, "schema")).toContain("something else");
    });
  }

  test("a file of a newer version is refused, and left untouched", async () => {
    const path = await newFile();
    execute(path, "PRAGMA journal_mode = DELETE; PRAGMA user_version = 1000000");
    expect(await expectUntouched(path, "schema")).toMatch(
      /expected schema \d+ or older, got 1000000/,
    );
  });

  test("a file in a folder that is not there is unavailable until it is", async () => {
    const path = join(dirname(await newPath()), "not-there", "events.db");
    const storage = open(path);
    const message = await expectRefused(storage.accept(await newEvent()), "unavailable");
    expect(message).toContain(path);
    expect(message).toContain("Expected a file in a folder that is there");
    await mkdir(dirname(path));
    expect(await storage.accept(await newEvent())).toMatchObject({ duplicate: false });
  });

  test("a folder in place of the file is unavailable", async () => {
    const path = await newPath();
    await mkdir(path);
    await expectRefused(open(path).ping(), "unavailable");
  });
});

describe("sqliteStorage() and what it tells SQLite", () => {
  test("accept() that fails halfway leaves nothing behind", async () => {
    const storage = open(await newPath());
    const first = await newEvent();
    await storage.accept(first);
    const sameId = await newEvent({ id: first.id });
    await expectRefused(storage.accept(sameId), "unavailable");
    const again = { ...sameId, id: "evt_again" };
    expect(await storage.accept(again)).toMatchObject({ id: "evt_again", duplicate: false });
    expect((await storage.list({ limit: 10 })).events).toHaveLength(2);
  });

  // Deno's `node:sqlite` reads text up to a NUL only.
  test("prune() lets no key expire that only begins like the pruned one's", async () => {
    const clock = testClock();
    const storage = open(await newPath(), { now: clock.now });
    const kept = await newEvent({ key: "tenant" });
    await storage.accept(kept);
    await storage.accept(await newEvent({ key: "tenant\0job", processors: [] }));
    const prune = () => storage.prune({ receivedBefore: clock.now(), limit: 10 });
    expect(await prune()).toBe(1);
    clock.advance(31 * 24 * 3_600_000);
    expect(await prune()).toBe(0);
    const repeat = await storage.accept(repeatOf(kept));
    expect(repeat).toMatchObject({ id: kept.id, duplicate: true });
  });

  test("a delivery that is tried without end holds no more than 20 attempts", async () => {
    const path = await newPath();
    const storage = open(path);
    await storage.accept(await newEvent());
    for (let count = 0; count < 22; count++) {
      const { claims: [claim] } = await storage.claim({ ...request, maxAttempts: 100 });
      if (claim === undefined) throw new Error("nothing was claimed");
      await storage.settle(claim, { kind: "retry", afterMs: 0, error: "no" });
    }
    const database = new DatabaseSync(path);
    const history = database.prepare("SELECT history FROM deliveries").get()?.["history"];
    database.close();
    expect(JSON.parse(String(history)).map(([attempt]: [number]) => attempt))
      .toEqual(Array.from({ length: 20 }, (_, index) => index + 3));
  });

  test("a commit is synced ahead of its answer, and no wait blocks", async () => {
    const prepare = vi.spyOn(DatabaseSync.prototype, "prepare");
    onTestFinished(() => prepare.mockRestore());
    const path = await newPath();
    await open(path).accept(await newEvent());
    const database = prepare.mock.contexts[0] as DatabaseSync;
    prepare.mockRestore();
    const pragma = (name: string) =>
      Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
    expect([pragma("journal_mode"), pragma("synchronous"), pragma("busy_timeout")])
      .toEqual(["wal", 2, 0]);
    const other = new DatabaseSync(path);
    onTestFinished(() => other.close());
    expect(other.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  });

  test("no call on the way of an event scans a table or sorts", async () => {
    const prepare = vi.spyOn(DatabaseSync.prototype, "prepare");
    onTestFinished(() => prepare.mockRestore());
    const path = await newPath();
    const storage = open(path);
    for (const event of ["job.failed", "job.succeeded", "job.failed"]) {
      await storage.accept(await newEvent({ event, jobId: "job_1" }));
    }
    const { claims } = await storage.claim(request);
    for (const claim of claims) {
      await storage.renew(claim, 60_000);
      await storage.settle(claim, { kind: "succeeded" });
      await storage.get(claim.eventId);
      await storage.body(claim.eventId);
    }
    await storage.list({ limit: 10 });
    const sqls = new Set(prepare.mock.calls.map(([sql]) => sql));
    prepare.mockRestore();

    const database = new DatabaseSync(path);
    onTestFinished(() => database.close());
    const planned = [...sqls].filter((sql) => /\b(?:events|keys|deliveries)\b/.test(sql)).map((
      sql,
    ) => ({
      sql,
      plan: database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map(({ detail }) => `${detail}`),
    }));
    const queue = planned.filter(({ sql }) => /FROM deliveries[^]*ORDER BY due_at/.test(sql));
    expect(queue.map(({ plan }) => plan)).toEqual([
      [expect.stringMatching(/INDEX deliveries_due \(processor=\? AND due_at<\?\)$/)],
    ]);
    const slow = planned.filter(({ plan }) => /\bSCAN\b|TEMP B-TREE/.test(plan.join("\n")));
    expect(slow).toEqual([]);
    expect(planned.length).toBeGreaterThan(10);
  });
});

test("a reader waits while another process has the file for itself", async () => {
  const path = await newFile();
  const holder = hold(path, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  const storage = open(path);
  let isRead = false;
  const reading = storage.list({ limit: 10 }).finally(() => isRead = true);
  // It has asked by then.
  await new Promise((resolve) => setImmediate(resolve));
  expect(isRead).toBe(false);
  holder.close();
  expect((await reading).events).toHaveLength(1);
});

test("a storage that is closed stays so, and says it", async () => {
  const storage = open(await newFile());
  await storage.ping();
  await storage.close();
  const closed = { code: "unavailable", message: expect.stringMatching(/the storage is closed/) };
  await expect(storage.accept(await newEvent())).rejects.toMatchObject(closed);
  await expect(storage.list({ limit: 1 })).rejects.toMatchObject(closed);
  await storage.close();
});
