/// <reference lib="deno.ns" />
/// <reference lib="deno.unstable" />
import { type Storage, StorageError } from "imggo-webhooks";
import { denoKvStorage, type DenoKvStorageOptions } from "imggo-webhooks/storage/deno-kv";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { leftKeys } from "../support/left-keys.ts";
import { newEvent, receivedAt, repeatOf } from "../support/new-event.ts";
import { describeStorage, testClock } from "./contract.ts";
import { claimedIds, claimOne, day, expectBytes, request } from "./contract/calls.ts";

const remove = (folder: string) => rm(folder, { recursive: true });
const makeFolder = () => mkdtemp(join(tmpdir(), "imggo-webhooks-"));

/** A storage over a file, with a connection of its own. */
async function openFile(path: string, options: DenoKvStorageOptions): Promise<Storage> {
  const kv: Deno.Kv = await Deno.openKv(path);
  return { ...denoKvStorage(kv, options), close: () => Promise.resolve(kv.close()) };
}

describeStorage("denoKvStorage()", {
  async create() {
    const clock = testClock();
    const folder = await makeFolder();
    return {
      open: () => openFile(join(folder, "events.db"), clock),
      advance: clock.advance,
      dispose: () => remove(folder),
    };
  },
  divergences: { leaseAtAccept: "a claim is a commit of its own, which waits for no other" },
});

/** A storage in memory, and what is in it. */
async function open() {
  const kv = await Deno.openKv(":memory:");
  onTestFinished(() => kv.close());
  const clock = testClock();
  const keys = (prefix?: Deno.KvKey) => leftKeys(kv, prefix);
  return { kv, keys, storage: denoKvStorage(kv, clock), advance: clock.advance };
}

const pattern = (size: number) => Uint8Array.from({ length: size }, (_, index) => (index * 7) >> 3);
const parts = ["imggo_webhooks", "part"];
const uploads = ["imggo_webhooks", "upload"];

describe("denoKvStorage()", () => {
  // One value has 65,536 bytes; the last 8 go with the event, those before them in commits of 8.
  for (
    const [size, count] of [
      [65_535, 1],
      [65_536, 1],
      [65_537, 2],
      [8 * 65_536, 8],
      [8 * 65_536 + 1, 9],
      [16 * 65_536, 16],
      [7_000_000, 107],
    ] as const
  ) {
    test(`accept() keeps a body of ${size} bytes, and prune() all of its ${count} parts`, async () => {
      const { storage, keys } = await open();
      const event = await newEvent({ body: pattern(size) });
      await storage.accept(event);
      expect(await keys(parts)).toHaveLength(count);
      expect(await keys(uploads)).toEqual([]);
      expect(await storage.get(event.id)).toMatchObject({ size });
      expectBytes(await storage.body(event.id), event.body);
      const claim = await claimOne(storage);
      expectBytes(claim.body, event.body);
      expect(await storage.accept(repeatOf(event)))
        .toEqual({ id: event.id, duplicate: true, state: "accepted", identical: true });
      await storage.settle(claim, { kind: "succeeded" });
      expect(await storage.prune({ receivedBefore: receivedAt + 1, limit: 1 })).toBe(1);
      expect(await keys(parts)).toEqual([]);
      expect(await keys(uploads)).toEqual([]);
    });
  }

  test("accept() of a large body by many at once leaves the parts of one", async () => {
    const { storage, keys } = await open();
    const event = await newEvent({ body: pattern(9 * 65_536) });
    const events = [event, ...Array.from({ length: 9 }, () => repeatOf(event))];
    const acceptances = await Promise.all(events.map((each) => storage.accept(each)));
    expect(acceptances.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(await keys(parts)).toHaveLength(9);
    expect(await keys(uploads)).toEqual([]);
    expectBytes((await claimOne(storage)).body, event.body);
  });

  const long = "\u{1d541}".repeat(200_000);
  test("accept() keeps texts of any length, and tells them apart by their end", async () => {
    const { storage, keys, advance } = await open();
    const failures = await Promise.all(["x", "y"].map((end) =>
      newEvent({
        event: "job.failed",
        key: `failed ${long}${end}`,
        jobId: `${long}${end}`,
        patternId: `${long}pattern`,
      })
    ));
    for (const failed of failures) {
      expect(await storage.accept(failed)).toMatchObject({ id: failed.id, duplicate: false });
      const { body, processors: _, ...fields } = failed;
      const stored = await storage.get(failed.id);
      expect({ ...fields, size: body.byteLength }).toEqual(
        Object.fromEntries(
          Object.entries(stored ?? {}).filter(([name]) => name in fields || name === "size"),
        ),
      );
      expectBytes(await storage.body(failed.id), body);
      expect(await storage.accept(repeatOf(failed)))
        .toMatchObject({ id: failed.id, duplicate: true, identical: true });
    }
    const succeeded = await newEvent({ key: `succeeded ${long}`, jobId: `${long}y` });
    await storage.accept(succeeded);
    const ignored = await newEvent({ state: "ignored", event: `${long}name`, key: "ignored" });
    await storage.accept(ignored);
    const { events } = await storage.list({ limit: 10 });
    expect(events.map(({ id, state }) => [id, state])).toEqual([
      [ignored.id, "ignored"],
      [succeeded.id, "accepted"],
      [failures[1]?.id, "superseded"],
      [failures[0]?.id, "accepted"],
    ]);
    expect(events[0]?.event).toBe(ignored.event);
    const { claims } = await storage.claim(request());
    for (const claim of claims) await storage.settle(claim, { kind: "succeeded" });
    expect(claims.map(({ eventId }) => eventId)).toEqual([failures[0]?.id, succeeded.id]);
    const all = { receivedBefore: receivedAt + 1, limit: 10 };
    expect(await storage.prune(all)).toBe(4);
    expect(await keys(parts)).toEqual([]);
    advance(31 * day);
    await storage.prune(all);
    expect(await keys()).toEqual([]);
  });

  test("settle() keeps what a value holds of an error, and says how much it leaves out", async () => {
    const { storage } = await open();
    for (const length of [30_000, 30_001, 1_000_000]) {
      const event = await newEvent();
      await storage.accept(event);
      const error = "例".repeat(length);
      expect(await storage.settle(await claimOne(storage), { kind: "dead", error })).toBe(true);
      const { lastError } = (await storage.get(event.id))?.deliveries[0] ?? {};
      const left = length - 30_000;
      expect(lastError).toBe(
        left === 0 ? error : `${"例".repeat(30_000)}… (${left} characters more)`,
      );
    }
  });

  test("get(), body() and settle() know nothing of an id that is too long for a key", async () => {
    const { storage } = await open();
    await storage.accept(await newEvent());
    const id = "x".repeat(5_000);
    expect(await storage.get(id)).toBeUndefined();
    expect(await storage.body(id)).toBeUndefined();
    const lease = { eventId: id, processor: "a", fence: 1 };
    expect(await storage.settle(lease, { kind: "succeeded" })).toBe(false);
  });

  test("accept() has room for 200 processors with names of 100 characters", async () => {
    const { storage, keys } = await open();
    const processors = Array.from({ length: 200 }, (_, index) => `${index}`.padStart(100, "0"));
    const failures = await Promise.all(
      Array.from(
        { length: 90 },
        (_, index) =>
          newEvent({
            event: "job.failed",
            jobId: "job_1",
            key: `failure ${index}`,
            processors: [],
          }),
      ),
    );
    for (const failed of failures) await storage.accept(failed);
    const event = await newEvent({ jobId: "job_1", processors, body: pattern(9 * 65_536) });
    await storage.accept(event);
    expect((await storage.get(event.id))?.deliveries.map(({ processor }) => processor))
      .toEqual(processors);
    const states = (await storage.list({ limit: 200 })).events.map(({ state }) => state);
    expect(states).toEqual(["accepted", ...failures.map(() => "superseded")]);
    for (const claim of (await storage.claim(request({ processors, limit: 200 }))).claims) {
      await storage.settle(claim, { kind: "succeeded" });
    }
    expect(await storage.prune({ receivedBefore: receivedAt + 1, limit: 200 })).toBe(91);
    expect(await keys(parts)).toEqual([]);
  });

  test("claim() by two at once gives each as many as are due", async () => {
    const { storage, kv } = await open();
    for (let count = 0; count < 20; count++) await storage.accept(await newEvent());
    const both = [storage, denoKvStorage(kv, testClock())];
    const ids = await Promise.all(both.map((each) => claimedIds(each, { limit: 10 })));
    expect(ids.map(({ length }) => length)).toEqual([10, 10]);
    expect(new Set(ids.flat()).size).toBe(20);
  });

  test("what was withdrawn is not shown as dead or due, and goes when it is come upon", async () => {
    const { storage, keys } = await open();
    const dead = ["imggo_webhooks", "dead"];
    const due = ["imggo_webhooks", "due"];
    const processors = ["a", "b"];
    await storage.accept(await newEvent({ event: "job.failed", jobId: "job_1", processors }));
    await storage.settle(await claimOne(storage), { kind: "dead", error: "no" });
    await storage.accept(await newEvent({ jobId: "job_1", processors: [] }));
    expect([(await keys(dead)).length, (await keys(due)).length]).toEqual([1, 1]);
    expect(await storage.countDead({ processor: "a" })).toBe(0);
    expect(await storage.deadGroups({ limit: 1 })).toEqual([]);
    expect((await storage.list({ deliveryState: "dead", limit: 10 })).events).toEqual([]);
    expect((await storage.stats()).oldestDueAt).toBeNull();
    expect(await storage.redrive({ limit: 10 })).toBe(0);
    expect(await claimedIds(storage, { processors })).toEqual([]);
    expect([await keys(dead), await keys(due)]).toEqual([[], []]);
  });

  test("redeliver() has room for 250 processors with names of 100 characters", async () => {
    const { storage } = await open();
    const processors = Array.from({ length: 250 }, (_, index) => `${index}`.padStart(100, "0"));
    const event = await newEvent({ processors: [] });
    await storage.accept(event);
    expect(await storage.redeliver(event.id, processors)).toBe(250);
    expect(await storage.redeliver(event.id, processors)).toBe(0);
    expect((await storage.stats()).deliveries.pending).toBe(250);
  });

  test("rejections have room for large bodies, and leave none of their parts", async () => {
    const { storage, keys, advance } = await open();
    const limits = { maxCount: 500, maxBytes: 100_000_000, maxAgeMs: day };
    const add = (id: string, size: number, maxCount: number) =>
      storage.rejections.add(
        { id, receivedAt, signature: "ab", body: pattern(size) },
        { ...limits, maxCount },
      );
    await add("rej_large", 7_000_000, 500);
    expectBytes(await storage.rejections.body("rej_large"), pattern(7_000_000));
    for (let count = 0; count < 250; count++) await add(`rej_${count}`, 100, 500);
    // More than a commit has room for.
    await add("rej_last", 9 * 65_536, 1);
    expect((await storage.rejections.list({ limit: 10 })).rejections)
      .toMatchObject([{ id: "rej_last" }]);
    expect(await keys(parts)).toHaveLength(9);
    expect(await keys(uploads)).toEqual([]);
    advance(day);
    await storage.rejections.remove("rej_last");
    expect(await keys()).toEqual([]);
  });

  test("prune() leaves other keys alone and, once all is forgotten, none of its own", async () => {
    const { storage, kv, keys, advance } = await open();
    await kv.set(["another"], 1);
    const processors = ["a", "b"];
    const run = async (kind: "succeeded" | "released") => {
      const { claims } = await storage.claim(request({ processors }));
      for (const claim of claims) await storage.settle(claim, { kind });
    };
    for (const jobId of ["job_1", "job_2"]) {
      const failed = await newEvent({ event: "job.failed", jobId, processors });
      const succeeded = await newEvent({ jobId, processors, body: pattern(70_000) });
      const order = jobId === "job_1" ? [failed, succeeded] : [succeeded, failed];
      for (const event of order) {
        await storage.accept(event);
        await storage.accept(repeatOf(event));
        await run("released");
      }
    }
    await storage.accept(await newEvent({ event: "job.failed", processors }));
    await storage.accept(await newEvent({ state: "ignored", event: "job.started" }));
    await run("succeeded");
    expect(await storage.prune({ receivedBefore: receivedAt + 1, limit: 10 })).toBe(6);
    await advance(31 * day);
    await storage.prune({ receivedBefore: 0, limit: 10 });
    expect(await keys()).toEqual([["another"]]);
  });

  test("close() leaves the Deno KV that it was given open", async () => {
    const { storage, kv } = await open();
    await storage.close();
    expect((await kv.get(["x"])).value).toBeNull();
  });

  test("every call rejects with a StorageError where the Deno KV is closed", async () => {
    const kv = await Deno.openKv(":memory:");
    const storage = denoKvStorage(kv);
    const event = await newEvent();
    const lease = { eventId: "evt_1", processor: "a", fence: 1 };
    kv.close();
    const calls = [
      storage.accept(event),
      storage.claim(request()),
      storage.renew(lease, 1_000),
      storage.settle(lease, { kind: "succeeded" }),
      storage.get("evt_1"),
      storage.attempts("evt_1"),
      storage.body("evt_1"),
      storage.list({ limit: 1 }),
      storage.redeliver("evt_1", ["a"]),
      storage.redrive({ limit: 1 }),
      storage.countDead({ processor: "a" }),
      storage.deadGroups({ limit: 1 }),
      storage.stats(),
      storage.activity.add({ accepted: 1 }),
      storage.activity.list(0),
      storage.expectations.add({ jobId: "job_1", patternId: null, withinMs: 0 }),
      storage.expectations.claim({ limit: 1, leaseMs: 1_000 }),
      storage.expectations.postpone("job_1", { afterMs: null, error: null }),
      storage.expectations.list({ limit: 1 }),
      storage.rejections.add(
        { id: "rej_1", receivedAt, signature: "", body: new Uint8Array() },
        { maxCount: 1, maxBytes: 1, maxAgeMs: 1 },
      ),
      storage.rejections.list({ limit: 1 }),
      storage.rejections.body("rej_1"),
      storage.rejections.remove("rej_1"),
      storage.prune({ receivedBefore: 0, limit: 1 }),
      storage.ping(),
    ];
    for (const result of await Promise.allSettled(calls)) {
      const error = result.status === "rejected" ? result.reason : undefined;
      expect(error).toBeInstanceOf(StorageError);
      expect(error).toMatchObject({
        code: "unavailable",
        message: expect.stringMatching(/^Deno KV: /),
      });
    }
  });
});
