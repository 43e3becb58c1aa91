import type { NewEvent, Storage } from "imggo-webhooks";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Condition } from "../../support/breakable-storage.ts";
import { createGate } from "../../support/gate.ts";
import { newEvent, repeatOf } from "../../support/new-event.ts";
import { newFile, setUp } from "../../support/spool-under-test.ts";
import { expectBytes } from "../contract/calls.ts";

describe("withSpool() in an outage", () => {
  const outages: readonly Condition[] = ["rejects", "throws", "half"];
  for (const outage of outages) {
    test(`accept() keeps events while the storage ${outage}; in order, they are moved once`, async () => {
      const { broken, acceptMany, allMoved, storage, stored, log } = await setUp();
      const before = await acceptMany(3);
      broken.is(outage);
      const during = await acceptMany(120);
      expect(await storage.ping()).toEqual({ spooling: true, spooled: 120 });
      expect(await stored()).toEqual(before);
      broken.is("works");
      await allMoved();
      const after = await acceptMany(3);
      expect(await stored()).toEqual([...before, ...during, ...after]);
      expect(broken.taken).toEqual([...before, ...during, ...after]);
      expect(log.of("the storage fails")).toMatchObject([{ level: "error" }]);
      expect(log.of("the storage is back")).toMatchObject([{ level: "info", moved: 120 }]);
      expect(log.lines).toHaveLength(2);
    });
  }

  test("accept() keeps all of an event: moved, it is as if it had come directly", async () => {
    const { broken, storage, allMoved } = await setUp();
    broken.is("rejects");
    const events = [
      await newEvent({ patternId: "pat_1", processors: ["mail", "archive"] }),
      await newEvent({ event: "job.failed", jobId: "job \u{1d541}", key: "k\n" }),
      await newEvent({ state: "ignored", event: "job.started", jobId: null }),
      await newEvent({
        state: "quarantined",
        event: null,
        jobId: null,
        body: Uint8Array.of(255, 0),
      }),
    ];
    for (const event of events) {
      expect(await storage.accept(event))
        .toEqual({ id: event.id, duplicate: false, state: event.state, identical: true });
    }
    broken.is("works");
    await allMoved();
    for (const { body, processors, ...fields } of events) {
      const stored = await storage.get(fields.id);
      expect(stored).toMatchObject({ ...fields, size: body.byteLength, duplicates: 0 });
      expect(stored?.deliveries.map(({ processor }) => processor)).toEqual([...processors].sort());
      expectBytes(await storage.body(fields.id), body);
    }
  });

  test("a job's success overtakes its failure also by way of the spool", async () => {
    const { broken, accept, allMoved, storage } = await setUp();
    const early = await accept({ event: "job.failed", jobId: "a" });
    broken.is("rejects");
    await accept({ event: "job.succeeded", jobId: "a" });
    await accept({ event: "job.succeeded", jobId: "b" });
    const late = await accept({ event: "job.failed", jobId: "b" });
    broken.is("works");
    await allMoved();
    for (const { id } of [early, late]) {
      expect(await storage.get(id)).toMatchObject({ state: "superseded", deliveries: [] });
    }
  });

  test("accept() gives a storage that hangs 2 s, and others none after that", async () => {
    const { broken, storage, accept, allMoved, stored } = await setUp();
    await accept();
    broken.is("hangs");
    const events = await Promise.all(Array.from({ length: 64 }, () => newEvent()));
    const startedAt = performance.now();
    await Promise.all(events.map((event) => storage.accept(event)));
    expect(performance.now() - startedAt).toBeGreaterThan(1_900);
    expect(performance.now() - startedAt).toBeLessThan(3_900);
    const nextAt = performance.now();
    await accept();
    expect(performance.now() - nextAt).toBeLessThan(1_500);
    expect(broken.asked()).toBe(65);
    broken.is("works");
    await allMoved();
    expect(await stored()).toHaveLength(66);
  });

  test("accept() tells a storage that is too slow that nobody waits any more", async () => {
    const { storage, broken } = await setUp({ primaryWithinMs: 20 });
    const told = new Promise((resolve) => {
      Object.assign(broken.storage, {
        accept: (_: NewEvent, signal: AbortSignal) =>
          new Promise(() => signal.addEventListener("abort", resolve)),
      });
    });
    await storage.accept(await newEvent());
    await told;
  });

  test("accept() leaves a storage that hangs when the caller's signal aborts", async () => {
    const { broken, storage } = await setUp({ primaryWithinMs: 10_000 });
    broken.is("hangs");
    const stop = new AbortController();
    const accepting = storage.accept(await newEvent(), stop.signal);
    await vi.waitFor(() => expect(broken.asked()).toBe(1));
    stop.abort();
    expect(await accepting).toMatchObject({ duplicate: false });
  });

  test("accept() lets 500 wait for a storage that hangs, and spools the others at once", async () => {
    const { broken, storage, allMoved, stored } = await setUp();
    await storage.ping();
    broken.is("hangs");
    const events = await Promise.all(Array.from({ length: 800 }, () => newEvent()));
    const answered = events.map((event) => storage.accept(event));
    await Promise.all(answered.slice(500));
    expect(broken.asked()).toBe(500);
    await Promise.all(answered);
    broken.is("works");
    await allMoved();
    expect((await stored()).sort()).toEqual(events.map(({ id }) => id).sort());
  });

  test("a commit of the storage that comes late stores the event once, under its id", async () => {
    const { broken, accept, allMoved, storage, stored, log } = await setUp({
      primaryWithinMs: 100,
    });
    broken.is("silent");
    const { id } = await accept();
    broken.is("works");
    await allMoved();
    expect(await stored()).toEqual([id]);
    expect(await storage.get(id)).toMatchObject({ duplicates: 0, deliveries: [{ attempts: 0 }] });
    expect(log.of("stored before")).toEqual([]);
  });

  test("a repeat is a duplicate before, in and after an outage, and is counted", async () => {
    const { broken, storage, accept, allMoved, stored } = await setUp();
    broken.is("rejects");
    const first = await accept();
    const known = { id: first.id, duplicate: true, state: "accepted", identical: true };
    expect(await storage.accept(repeatOf(first))).toEqual(known);
    expect(await storage.accept({ ...repeatOf(first), body: (await newEvent()).body }))
      .toEqual({ ...known, identical: false });
    // The same call again is not a repeat.
    expect(await storage.accept(first)).toEqual({ ...known, duplicate: false });
    broken.is("works");
    await allMoved();
    expect(await storage.accept(repeatOf(first))).toEqual(known);
    broken.is("rejects");
    expect(await storage.accept(repeatOf(first))).toEqual(known);
    broken.is("works");
    await allMoved();
    expect(await stored()).toEqual([first.id]);
    expect(await storage.get(first.id)).toMatchObject({ duplicates: 4 });
  });

  test("a spooled event whose key the storage knows is its duplicate, and the log names both", async () => {
    const { broken, storage, accept, allMoved, stored, log } = await setUp();
    const first = await accept();
    broken.is("rejects");
    const repeat = repeatOf(first);
    expect(await storage.accept(repeat)).toMatchObject({ id: repeat.id, duplicate: false });
    broken.is("works");
    await allMoved();
    expect(await stored()).toEqual([first.id]);
    expect(await storage.get(first.id)).toMatchObject({ duplicates: 1 });
    expect(log.of("stored before")).toMatchObject([{ id: repeat.id, first: first.id }]);
  });

  test("accept() stores one of 100 equal events whose storage fails for every other", async () => {
    let calls = 0;
    const { storage, primary, allMoved } = await setUp();
    const { accept } = primary;
    Object.assign(primary, {
      accept: (...event: Parameters<Storage["accept"]>) =>
        calls++ % 2 > 0 ? Promise.reject(new Error("every other")) : accept(...event),
    });
    const equal = { key: "the same", jobId: "job_1" };
    const events = await Promise.all(Array.from({ length: 100 }, () => newEvent(equal)));
    await Promise.all(events.map((event) => storage.accept(event)));
    await allMoved();
    const { events: stored } = await primary.list({ limit: 200 });
    expect(stored).toMatchObject([{ key: "the same", duplicates: 99 }]);
  });

  test("what was forgotten by the storage is stored again, though the spool remembers it", async () => {
    const one = await setUp();
    one.broken.is("rejects");
    const first = await one.accept();
    one.broken.is("works");
    await one.allMoved();
    await one.storage.close();

    const { broken, storage, allMoved, stored } = await setUp({ file: one.file });
    broken.is("rejects");
    await storage.accept(repeatOf(first));
    broken.is("works");
    await allMoved();
    expect(await stored()).toHaveLength(1);
  });

  test("a long queue is moved several at once, but of one job in order, though some fail", async () => {
    const { broken, storage, primary, allMoved, stored } = await setUp();
    broken.is("rejects");
    // Both ends of each job, one after the other.
    const events = await Promise.all(
      Array.from({ length: 800 }, (_, index) => {
        const event = index % 2 ? "job.succeeded" : "job.failed";
        return newEvent({ event, jobId: `job_${index >> 1}` });
      }),
    );
    await Promise.all(events.map((event) => storage.accept(event)));

    const { accept } = primary;
    const jobs: (string | null)[] = [];
    let most = 0;
    let overlaps = 0;
    let calls = 0;
    Object.assign(primary, {
      async accept(event: NewEvent) {
        if (jobs.includes(event.jobId)) overlaps++;
        most = Math.max(most, jobs.push(event.jobId));
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
        jobs.splice(jobs.indexOf(event.jobId), 1);
        if (++calls % 150 === 0) throw new Error("one of 150");
        return await accept(event);
      },
    });
    broken.is("works");
    await allMoved();
    expect(most).toBeGreaterThan(1);
    expect(overlaps).toBe(0);
    const order = await stored();
    expect([...order].sort()).toEqual(events.map(({ id }) => id).sort());
    for (let index = 0; index < events.length; index += 2) {
      const [failed, succeeded] = events.slice(index, index + 2).map(({ id }) => order.indexOf(id));
      expect(failed).toBeLessThan(succeeded ?? -1);
    }
  });

  test("accept() goes back to the storage under an unending load", async () => {
    const { broken, storage, acceptMany, log } = await setUp();
    broken.is("rejects");
    await acceptMany(200);
    let over = false;
    const answers: string[] = [];
    const send = async () => {
      while (!over) answers.push((await storage.accept(await newEvent())).id);
    };
    const senders = Array.from({ length: 32 }, send);
    broken.is("works");
    await vi.waitFor(() => expect(log.of("the storage is back")).toHaveLength(1), 15_000);
    over = true;
    await Promise.all(senders);
    expect(new Set(broken.taken)).toEqual(new Set([...broken.taken, ...answers]));
    expect(new Set(broken.taken).size).toBe(broken.taken.length);
  });

  test("accept() takes the storage where the spool is locked, and stores the event once", async () => {
    const file = await newFile();
    await sqliteStorage(file).ping();
    const holder = new DatabaseSync(file);
    holder.exec("BEGIN IMMEDIATE");
    onTestFinished(() => void (holder.isOpen && holder.close()));
    const { accept, allMoved, stored } = await setUp({ file });
    const startedAt = performance.now();
    const { id } = await accept();
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(await stored()).toEqual([id]);
    holder.close();
    await allMoved();
    expect(await stored()).toEqual([id]);
  });

  test("ping() says that events wait, also where the storage is back and the spool is not", async () => {
    let full = false;
    const { broken, acceptMany, allMoved, storage, log } = await setUp({
      faulty: ({ claim }) => ({
        claim: (request) => full ? Promise.reject(new Error("the disk is full")) : claim(request),
      }),
    });
    broken.is("rejects");
    await acceptMany(3);
    full = true;
    broken.is("works");
    await vi.waitFor(() => expect(log.of("the spool fails")).toHaveLength(1), 5_000);
    expect(await storage.ping()).toMatchObject({ spooling: true });
    full = false;
    await allMoved();
    expect(await storage.ping()).toBeUndefined();
  });

  test("ping() rejects where the storage is down and the spool does not answer", async () => {
    const { broken, storage, accept, log } = await setUp({
      faulty: () => ({ ping: () => Promise.reject(new Error("canary: the spool is away")) }),
    });
    await storage.ping();
    broken.is("rejects");
    await accept();
    expect(log.of("the storage fails")).toHaveLength(1);
    await expect(storage.ping()).rejects.toThrow("canary: the spool is away");
  });

  test("accept() leaves the caller its bytes, also where the storage takes them late", async () => {
    const { open, opened } = createGate();
    const { storage, primary, broken } = await setUp({ primaryWithinMs: 50 });
    const { accept } = primary;
    Object.assign(broken.storage, {
      async accept(event: NewEvent) {
        await opened;
        return await accept(event);
      },
      ping: () => Promise.reject(new Error("not yet")),
    });
    const event = await newEvent({ body: Uint8Array.of(1, 2, 3) });
    await storage.accept(event);
    event.body.fill(0);
    open();
    await vi.waitFor(async () => expectBytes(await primary.body(event.id), Uint8Array.of(1, 2, 3)));
  });

  test("a spool that throws for one event and rejects another leaves no rejection unhandled", async () => {
    let asked = 0;
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", onUnhandled);
    onTestFinished(() => void process.off("unhandledRejection", onUnhandled));
    const { broken, acceptMany, log } = await setUp({
      faulty: () => ({
        get() {
          asked++;
          if (asked % 2 === 0) throw new Error("thrown by a test");
          return Promise.reject(new Error("rejected by a test"));
        },
      }),
    });
    broken.is("rejects");
    await acceptMany(2);
    broken.is("works");
    await vi.waitFor(() => expect(log.of("the spool fails")).toHaveLength(1));
    expect(unhandled).toEqual([]);
  });

  test("accept() takes the storage where the spool fails, and rejects where both do", async () => {
    const { open, opened } = createGate();
    let full = true;
    const { broken, accept, allMoved, stored, log } = await setUp({
      faulty: ({ accept: take, claim }) => ({
        accept: (event) => full ? Promise.reject(new Error("canary: full")) : take(event),
        async claim(request) {
          await opened;
          return await claim(request);
        },
      }),
    });
    // What is left in the spool is not known yet.
    const direct = await accept();
    expect(await stored()).toEqual([direct.id]);
    broken.is("rejects");
    await expect(accept()).rejects.toThrow(/broken by a test.*canary: full/);
    full = false;
    const spooled = await accept();
    open();
    broken.is("works");
    await allMoved();
    expect(await stored()).toEqual([direct.id, spooled.id]);
    expect(log.of("the spool fails")).toEqual([]);
  });
});
