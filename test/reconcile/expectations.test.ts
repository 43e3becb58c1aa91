import { createReceiver } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { describe, expect, test, vi } from "vitest";
import { createSender } from "../support/imggo-sender.ts";
import { setUp } from "../support/reconcile-under-test.ts";
import { secret, signedRequest } from "../support/signed-request.ts";
import { nested, sampleJob } from "../support/wire.ts";

const minute = 60_000;
const ended = { status: "succeeded", result: { total: 7 } } as const;

describe("expect()", () => {
  test("is fulfilled where the webhook came before, and by one that comes", async () => {
    const { receiver, service, awaited, advance, asked } = await setUp();
    const sender = createSender(service);
    const [early, late] = [service.addJob(), service.addJob()];
    await sender.succeed(early);
    expect(await receiver.expect(early.id)).toBe("fulfilled");
    expect(await receiver.expect(late.id)).toBe("waiting");
    await sender.fail(late);
    expect(await awaited()).toEqual(new Map());
    advance(11 * minute);
    await receiver.drain();
    expect(asked()).toEqual([]);
  });

  test("waits for ten minutes, or as long as it is told", async () => {
    const { receiver, service, awaited, advance, asked } = await setUp();
    service.addJob({ id: "long", ...ended });
    service.addJob({ id: "short", ...ended });
    await receiver.expect("long", { patternId: "pat_invoices" });
    await receiver.expect("short", { deadlineMs: minute });
    expect([...(await awaited()).values()].map(({ inMs }) => inMs)).toEqual([minute, 10 * minute]);
    await receiver.drain();
    expect(asked()).toEqual([]);
    advance(minute);
    await receiver.drain();
    expect(asked()).toEqual(["/jobs/short"]);
    advance(9 * minute);
    await receiver.drain();
    expect(asked()).toEqual(["/jobs/short", "/jobs/long"]);
  });

  const unfit: readonly [what: string, args: unknown[], expected: string][] = [
    ["no id", [undefined], "jobId: expected text"],
    ["an empty id", [""], "jobId: expected text of 1 to 255"],
    ["an id with a control character", ["a\nb"], "jobId: expected"],
    ["a pattern that is a number", ["j", { patternId: 3 }], "patternId: expected"],
    ["a negative deadline", ["j", { deadlineMs: -1 }], "deadlineMs: expected 0 to"],
    ["a deadline that is no number", ["j", { deadlineMs: NaN }], "deadlineMs: expected 0 to"],
    ["a deadline as text", ["j", { deadlineMs: "5" }], "deadlineMs: expected 0 to"],
  ];
  test.each(unfit)("refuses %s", async (_, args, expected) => {
    const { expect: expectJob } = createReceiver({ secret, storage: memoryStorage() });
    const call = (expectJob as (...args: unknown[]) => Promise<unknown>)(...args);
    await expect(call).rejects.toSatisfy((error) => error instanceof TypeError);
    await expect(call).rejects.toThrow(`expect(): ${expected}`);
  });

  test("without a client leaves it waiting, overdue in the end, and says so once", async () => {
    const { receiver, storage, advance, log, asked } = await setUp({ imggo: false });
    await receiver.expect("one");
    await receiver.expect("two");
    advance(11 * minute);
    receiver.start();
    await receiver.drain();
    expect((await storage.stats()).expectations).toEqual({ waiting: 0, overdue: 2 });
    expect(log.of("results are awaited, but ImgGo is not asked")).toHaveLength(1);
    expect(asked()).toEqual([]);
  });

  test("of an earlier process shows in the log of one without a client", async () => {
    const storage = memoryStorage();
    await createReceiver({ secret, storage, role: "receiver" }).expect("one");
    const { receiver, log } = await setUp({ imggo: false, storage });
    receiver.start();
    await vi.waitFor(() =>
      expect(log.of("results are awaited, but ImgGo is not asked")).toHaveLength(1)
    );
  });
});

describe("asking", () => {
  test("stores what ImgGo says as a webhook is stored, and a webhook after it is a duplicate", async () => {
    const { receiver, service, processed, storage, advance } = await setUp();
    const job = service.addJob({ status: "running" });
    await receiver.expect(job.id, { deadlineMs: 0 });
    Object.assign(job, { ...ended, endedAt: "2026-01-15T10:30:00Z" });
    advance(1);
    await receiver.drain();
    expect(processed.items).toEqual([{
      event: "job.succeeded",
      data: {
        job_id: job.id,
        pattern_id: "pat_invoices",
        status: "succeeded",
        result: ended.result,
        created_at: job.createdAt,
        completed_at: "2026-01-15T10:30:00Z",
      },
      timestamp: "2026-01-15T10:30:00Z",
    }]);
    await createSender(service).succeed(job, ended.result);
    await receiver.drain();
    const { events } = await storage.list({ limit: 9 });
    expect(events).toMatchObject([{ origin: "reconcile", duplicates: 1, jobId: job.id }]);
    expect(processed.items).toHaveLength(1);
  });

  test("crosses with a webhook: one event, in either order", async () => {
    const { receiver, service, processed, storage, advance } = await setUp();
    const jobs = Array.from({ length: 20 }, () => service.addJob());
    await Promise.all(jobs.map(({ id }) => receiver.expect(id, { deadlineMs: 0 })));
    const sender = createSender(service);
    const sending = Promise.all(jobs.map((job) => sender.succeed(job)));
    advance(1);
    await Promise.all([sending, receiver.drain(), receiver.drain()]);
    await receiver.drain();
    const { events } = await storage.list({ limit: 100 });
    expect(events.map(({ jobId }) => jobId).sort()).toEqual(jobs.map(({ id }) => id).sort());
    expect(processed.items).toHaveLength(20);
    const paths = service.requests.map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
  });

  test("asks again for a job that runs, after a minute and up to an hour", async () => {
    const { receiver, service, advance, awaited, asked } = await setUp();
    const job = service.addJob({ status: "running" });
    await receiver.expect(job.id, { deadlineMs: 0 });
    const waits: unknown[] = [];
    for (let count = 0; count < 9; count++) {
      advance(60 * minute);
      await receiver.drain();
      waits.push((await awaited()).get(job.id)?.inMs! / minute);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect(asked()).toHaveLength(9);
    await receiver.drain();
    expect(asked()).toHaveLength(9);
  });

  test("gives a job up that ImgGo does not know five times, and anew when it is awaited again", async () => {
    const { receiver, advance, awaited, asked, log } = await setUp();
    for (const round of [1, 2]) {
      await receiver.expect("nobody", { deadlineMs: 0 });
      for (let count = 0; count < 8; count++) {
        advance(10 * minute);
        await receiver.drain();
      }
      expect(asked()).toHaveLength(5 * round);
      expect((await awaited()).get("nobody"))
        .toMatchObject({ inMs: null, error: expect.stringContaining("Given up: ImgGo") });
      expect(log.of("given up")).toHaveLength(round);
    }
  });

  test("goes on to the next job after one that ImgGo does not know", async () => {
    const { receiver, service, advance, processed } = await setUp();
    await receiver.expect("nobody", { deadlineMs: 0 });
    service.addJob({ id: "j-1", ...ended });
    await receiver.expect("j-1", { deadlineMs: 1 });
    advance(2);
    await receiver.drain();
    expect(processed.items).toHaveLength(1);
  });

  test.each([401, 403])(
    "stops at a %i for ten minutes, and says once what to do",
    async (status) => {
      const { receiver, service, advance, awaited, asked, log } = await setUp();
      for (const id of ["a", "b", "c"]) {
        service.addJob({ id, ...ended });
        await receiver.expect(id, { deadlineMs: 0 });
      }
      service.faults.push({ kind: { status } }, { kind: { status } });
      advance(1);
      await receiver.drain();
      await receiver.drain();
      expect(asked()).toHaveLength(1);
      expect([...(await awaited()).values()].map(({ inMs }) => inMs).sort()).toEqual([
        0,
        0,
        10 * minute,
      ]);
      const errors = log.of("ImgGo refuses to tell of jobs");
      expect(errors).toMatchObject([{
        level: "error",
        error: expect.stringContaining("IMGGO_API_KEY"),
      }]);
    },
  );

  test("waits after a 429 for as long as ImgGo says", async () => {
    const { receiver, service, advance, awaited, asked } = await setUp({ deadlineMs: 1_000 });
    service.addJob({ id: "j-1", ...ended });
    await receiver.expect("j-1", { deadlineMs: 0 });
    service.faults.push({ kind: { status: 429, headers: { "Retry-After": "300" } } });
    advance(1);
    await receiver.drain();
    expect((await awaited()).get("j-1")).toMatchObject({ inMs: 5 * minute, asked: 1 });
    expect(asked()).toHaveLength(1);
  });

  test.each(["drop", "hang"] as const)("asks later where ImgGo's answers %s", async (kind) => {
    const { receiver, service, advance, awaited, processed } = await setUp({ deadlineMs: 300 });
    service.addJob({ id: "j-1", ...ended });
    await receiver.expect("j-1", { deadlineMs: 0 });
    service.faults.push(...Array.from({ length: 4 }, () => ({ kind })));
    advance(1);
    await receiver.drain();
    expect((await awaited()).get("j-1")).toMatchObject({ inMs: minute, asked: 1 });
    service.faults.length = 0;
    advance(minute);
    // It pauses for a minute of real time; by hand it does not.
    expect((await receiver.reconcile()).counts).toMatchObject({ stored: 1 });
    await receiver.drain();
    expect(processed.items).toHaveLength(1);
  });

  test("asks again after its lease where the process was killed before storing", async () => {
    const { receiver, service, storage, advance, processed, asked } = await setUp();
    service.addJob({ id: "j-1", ...ended });
    await receiver.expect("j-1", { deadlineMs: 0 });
    advance(1);
    // What a process has claimed that is no more.
    expect(await storage.expectations.claim({ limit: 1, leaseMs: 150_000 })).toHaveLength(1);
    await receiver.drain();
    expect(asked()).toEqual([]);
    advance(150_000);
    await receiver.drain();
    expect(processed.items).toHaveLength(1);
  });

  test("asks again where the storage fails to store, and processes it once", async () => {
    let failures = 1;
    const { receiver, service, advance, awaited, processed } = await setUp({
      faulty: ({ accept }) => ({
        accept: (event) => failures-- > 0 ? Promise.reject(new Error("disk full")) : accept(event),
      }),
    });
    service.addJob({ id: "j-1", ...ended });
    await receiver.expect("j-1", { deadlineMs: 0 });
    advance(1);
    await receiver.drain();
    expect((await awaited()).get("j-1")).toMatchObject({ inMs: minute });
    advance(minute);
    await receiver.reconcile();
    await receiver.drain();
    expect(processed.items).toHaveLength(1);
  });

  test("ends what is awaited under another spelling of the id", async () => {
    const { receiver, service, advance, awaited, processed } = await setUp();
    service.addJob({ id: "j-one", ...ended });
    await receiver.expect("J-ONE", { deadlineMs: 0 });
    service.faults.push({
      kind: {
        status: 200,
        body: { success: true, data: { id: "j-one", status: "succeeded", manifest: 1 } },
      },
    });
    advance(1);
    await receiver.drain();
    expect(processed.items).toMatchObject([{ data: { job_id: "j-one" } }]);
    expect((await awaited()).get("J-ONE")).toMatchObject({ inMs: null });
  });
});

describe("the loop", () => {
  test("asks once the receiver is started, and beside deliveries", async () => {
    const { receiver, service, advance, processed, awaited } = await setUp();
    service.addJob({ id: "j-1", ...ended });
    await receiver.expect("j-1", { deadlineMs: 0 });
    service.faults.push({ kind: "hang" });
    advance(1);
    receiver.start();
    await vi.waitFor(() => expect(service.requests).toHaveLength(1));
    // While ImgGo is silent, answers and deliveries go on.
    const response = await receiver.fetch(await signedRequest(nested.succeeded(sampleJob)));
    expect(response.status).toBe(200);
    expect(await processed.next()).toMatchObject({ data: { job_id: sampleJob.job_id } });
    await receiver.stop();
    expect((await awaited()).get("j-1")).toMatchObject({ inMs: 0, error: null });
  });

  test("is started by a request, and not where the role is receiver", async () => {
    for (const role of ["all", "worker", "receiver"] as const) {
      const { receiver, service, advance, processed, asked } = await setUp({ role });
      service.addJob({ id: "j-1", ...ended });
      await receiver.expect("j-1", { deadlineMs: 0 });
      advance(1);
      await receiver.fetch(new Request("http://localhost/healthz"));
      if (role === "receiver") {
        await receiver.stop();
        expect(asked()).toEqual([]);
      } else {
        expect(await processed.next()).toMatchObject({ data: { job_id: "j-1" } });
      }
    }
  });

  test("is not started where a request has a waitUntil, or others are told", async () => {
    const { receiver, service, advance, asked } = await setUp();
    service.addJob({ id: "j-1", ...ended });
    await receiver.expect("j-1", { deadlineMs: 0 });
    advance(1);
    const waited: Promise<unknown>[] = [];
    const context = { waitUntil: (promise: Promise<unknown>) => void waited.push(promise) };
    await receiver.fetch(await signedRequest(nested.succeeded(sampleJob)), {}, context);
    await Promise.all(waited);
    expect(asked()).toEqual([]);
  });

  test("stop() ends an ask at once, and gives the job back", async () => {
    const { receiver, service, advance, awaited } = await setUp({ deadlineMs: 30_000 });
    service.addJob({ id: "j-1", ...ended });
    await receiver.expect("j-1", { deadlineMs: 0 });
    service.faults.push({ kind: "hang" });
    advance(1);
    receiver.start();
    await vi.waitFor(() => expect(service.requests).toHaveLength(1));
    const startedAt = performance.now();
    await receiver.stop();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect((await awaited()).get("j-1")).toMatchObject({ inMs: 0 });
  });
});

describe("drain()", () => {
  test("asks for no more jobs than it may, and processes them in the same drain", async () => {
    const { receiver, service, advance, asked } = await setUp();
    for (const id of ["a", "b", "c"]) {
      service.addJob({ id, ...ended });
      await receiver.expect(id, { deadlineMs: 0 });
    }
    advance(1);
    expect(await receiver.drain({ asks: 0 })).toMatchObject({ succeeded: 0 });
    expect(await receiver.drain({ asks: 2 })).toMatchObject({ succeeded: 2 });
    expect(asked()).toHaveLength(2);
    expect(await receiver.drain()).toMatchObject({ succeeded: 1 });
  });

  test("gives back what ImgGo does not answer within the budget", async () => {
    const { receiver, service, advance, awaited } = await setUp({ deadlineMs: 30_000 });
    service.addJob({ id: "j-1", ...ended });
    await receiver.expect("j-1", { deadlineMs: 0 });
    service.faults.push({ kind: "hang" });
    advance(1);
    await receiver.drain({ budgetMs: 1_000 });
    expect((await awaited()).get("j-1")).toMatchObject({ inMs: 0, asked: 1 });
  });
});
