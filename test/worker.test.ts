import {
  PermanentError,
  type Processor,
  type ProcessorContext,
  RetryLater,
  type Storage,
  type WebhookEvent,
  type WorkerOptions,
} from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { afterEach, expect, test, vi } from "vitest";
import { createWorker, type Worker } from "../src/worker.ts";
import { captureLog } from "./support/captured-log.ts";
import { newEvent, type NewEventFields } from "./support/new-event.ts";
import { createQueue } from "./support/queue.ts";
import { watchStorage } from "./support/watched-storage.ts";

const hour = 3_600_000;

const workers: Worker[] = [];
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(workers.splice(0).map((worker) => worker.stop({ graceMs: 0 })));
});

interface SetUp {
  readonly processors: Readonly<Record<string, Processor>>;
  readonly options?: WorkerOptions;
  /** Puts a fault in front of the storage that the worker sees. */
  readonly faulty?: (storage: Storage) => Partial<Storage>;
}

/** A worker on a storage whose clock stands still unless it is moved. */
function setUp({ processors, options = {}, faulty = () => ({}) }: SetUp) {
  let time = Date.UTC(2026, 0, 1, 12);
  const memory = memoryStorage({ now: () => time });
  const watched = watchStorage(memory);
  const storage = { ...watched.storage, ...faulty(watched.storage) };
  const log = captureLog();
  // No test waits for a poll unless that is what it is about.
  const start = (more: WorkerOptions = {}): Worker => {
    const worker = createWorker(
      { storage, processors, logger: log.logger },
      { pollMs: hour, ...options, ...more },
    );
    workers.push(worker);
    return worker;
  };
  return {
    ...watched,
    storage: memory,
    log,
    worker: start(),
    anotherWorker: start,
    advance: (milliseconds: number) => {
      time += milliseconds;
    },
    /** Stores an event for all the processors. */
    accept: async (fields: NewEventFields = {}): Promise<string> => {
      const event = await newEvent({ processors: Object.keys(processors), ...fields });
      return (await memory.accept(event)).id;
    },
    delivery: async (id: string, processor = Object.keys(processors)[0]) => {
      const event = await memory.get(id);
      return event?.deliveries.find((each) => each.processor === processor);
    },
  };
}

const nothing = { succeeded: 0, retry: 0, dead: 0, released: 0, lost: 0 };

/** A door that is closed until it is opened. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  return { open, opened };
}

/** Rejects with the signal's reason once it aborts, as a `fetch` does. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

test("a worker hands the canonical event to each processor", async () => {
  const events: WebhookEvent[] = [];
  const take = (event: WebhookEvent) => events.push(event);
  const { worker, accept } = setUp({ processors: { a: take, b: take } });
  await accept({ jobId: "j-1", receivedAt: Date.UTC(2026, 0, 1) });
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 2 });
  const canonical = {
    event: "job.succeeded",
    data: { job_id: "j-1", pattern_id: null, status: "succeeded", result: { total: 12.5 } },
    timestamp: "2026-01-01T00:00:00.000Z",
  };
  expect(events).toEqual([canonical, canonical]);
});

test("a worker gives each attempt an event of its own, whatever another did to it", async () => {
  const totals: unknown[] = [];
  const { worker, accept } = setUp({
    processors: {
      a: ({ data }) => {
        const result = data["result"] as { total: number };
        totals.push(result.total);
        result.total = -1;
        throw new Error("again");
      },
    },
    options: { maxAttempts: 2, backoff: { firstMs: 0 } },
  });
  await accept();
  await worker.drain();
  expect(totals).toEqual([12.5, 12.5]);
});

test("a worker repeats no processor because another one fails", async () => {
  const runs: Record<string, number> = { steady: 0, flaky: 0, hopeless: 0 };
  const { worker, accept, delivery } = setUp({
    processors: {
      steady: () => {
        runs["steady"]!++;
      },
      flaky: () => {
        if (++runs["flaky"]! < 3) throw new Error("not yet");
      },
      hopeless: () => {
        runs["hopeless"]!++;
        throw new PermanentError("never");
      },
    },
    options: { backoff: { firstMs: 0 } },
  });
  const id = await accept();
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 2, retry: 2, dead: 1 });
  expect(runs).toEqual({ steady: 1, flaky: 3, hopeless: 1 });
  expect(await delivery(id, "steady")).toMatchObject({ state: "succeeded", attempts: 1 });
  expect(await delivery(id, "flaky")).toMatchObject({ state: "succeeded", attempts: 3 });
  expect(await delivery(id, "hopeless")).toMatchObject({ state: "dead", attempts: 1 });
  expect(await worker.drain()).toEqual(nothing);
});

test("a worker takes whatever a processor returns as success", async () => {
  const { worker, accept } = setUp({
    processors: { a: () => undefined, b: () => false, c: () => Promise.resolve(new Error("x")) },
  });
  await accept();
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 3 });
});

test("a worker leaves deliveries of processors alone that it does not have", async () => {
  const { worker, accept, delivery } = setUp({ processors: { a: () => {} } });
  const id = await accept({ processors: ["a", "gone"] });
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 1 });
  expect(await delivery(id, "gone")).toMatchObject({ state: "pending", attempts: 0 });
});

test("a worker waits as long as RetryLater asks, and counts the attempt", async () => {
  const attempts: number[] = [];
  const { worker, accept, advance, delivery } = setUp({
    processors: {
      a: (_event, { attempt }) => {
        attempts.push(attempt);
        if (attempt === 1) throw new RetryLater(90_000, "rate limited");
      },
    },
  });
  const id = await accept();
  expect(await worker.drain()).toEqual({ ...nothing, retry: 1 });
  expect(await delivery(id)).toMatchObject({
    state: "pending",
    attempts: 1,
    lastError: "RetryLater: rate limited",
  });
  advance(89_999);
  expect(await worker.drain()).toEqual(nothing);
  advance(1);
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 1 });
  expect(attempts).toEqual([1, 2]);
});

test("a worker ends a delivery when RetryLater is thrown in its last attempt", async () => {
  const { worker, accept, delivery } = setUp({
    processors: {
      a: () => {
        throw new RetryLater(0);
      },
    },
    options: { maxAttempts: 2 },
  });
  const id = await accept();
  expect(await worker.drain()).toEqual({ ...nothing, retry: 1, dead: 1 });
  expect(await delivery(id)).toMatchObject({ state: "dead", attempts: 2 });
});

test("a worker gives up at once on a PermanentError", async () => {
  const { worker, accept, delivery, log } = setUp({
    processors: {
      a: () => Promise.reject(new PermanentError("no such customer")),
    },
  });
  const id = await accept();
  expect(await worker.drain()).toEqual({ ...nothing, dead: 1 });
  const error = "PermanentError: no such customer";
  expect(await delivery(id)).toMatchObject({ state: "dead", attempts: 1, lastError: error });
  expect(log.of("delivery dead")).toMatchObject([{ level: "error", id, processor: "a", error }]);
});

test("a worker tries anything else again with backoff, and gives up after the last attempt", async () => {
  const { worker, accept, advance, delivery, settled } = setUp({
    processors: {
      a: (_event, { attempt }) => {
        throw new RangeError(`attempt ${attempt} failed`);
      },
    },
    options: { maxAttempts: 4, backoff: { firstMs: 1_000, maxMs: 2_500 } },
  });
  const id = await accept();
  for (const longest of [1_000, 2_000, 2_500]) {
    expect(await worker.drain()).toEqual({ ...nothing, retry: 1 });
    const { outcome } = await settled.next();
    const afterMs = outcome.kind === "retry" ? outcome.afterMs : NaN;
    expect(afterMs).toBeGreaterThanOrEqual(0);
    expect(afterMs).toBeLessThanOrEqual(longest);
    advance(longest);
  }
  expect(await worker.drain()).toEqual({ ...nothing, dead: 1 });
  expect(await delivery(id)).toMatchObject({
    state: "dead",
    attempts: 4,
    lastError: "RangeError: attempt 4 failed",
  });
  advance(24 * hour);
  expect(await worker.drain()).toEqual(nothing);
});

test("a worker tries eight times unless it is told otherwise", async () => {
  let runs = 0;
  const { worker, accept } = setUp({
    processors: {
      a: () => {
        runs++;
        throw new Error("no");
      },
    },
    options: { backoff: { firstMs: 0 } },
  });
  await accept();
  expect(await worker.drain()).toEqual({ ...nothing, retry: 7, dead: 1 });
  expect(runs).toBe(8);
});

test("a worker honours RetryLater and PermanentError of another copy of the package", async () => {
  const another = (name: string, more: object = {}) =>
    Object.assign(new Error("from elsewhere"), { name, ...more });
  const { worker, accept, settled } = setUp({
    processors: {
      later: () => Promise.reject(another("RetryLater", { afterMs: 123_456 })),
      never: () => Promise.reject(another("PermanentError")),
    },
  });
  await accept();
  expect(await worker.drain()).toEqual({ ...nothing, retry: 1, dead: 1 });
  const outcomes = settled.items.map(({ outcome }) => outcome);
  expect(outcomes).toContainEqual({
    kind: "retry",
    afterMs: 123_456,
    error: "RetryLater: from elsewhere",
  });
  expect(outcomes).toContainEqual({ kind: "dead", error: "PermanentError: from elsewhere" });
});

for (const afterMs of [undefined, NaN, -1, "soon"]) {
  test(`a worker takes a RetryLater of ${afterMs} ms as any other error`, async () => {
    const { worker, accept, settled } = setUp({
      processors: {
        a: () => Promise.reject(Object.assign(new Error("x"), { name: "RetryLater", afterMs })),
      },
      options: { backoff: { firstMs: 10 } },
    });
    await accept();
    await worker.drain();
    const { outcome } = await settled.next();
    const delay = outcome.kind === "retry" ? outcome.afterMs : NaN;
    expect(delay).toBeGreaterThanOrEqual(0);
    expect(delay).toBeLessThanOrEqual(10);
  });
}

for (const thrown of ["a canary", undefined, null, 7, { canary: true }, ["canary"]]) {
  test(`a worker survives ${JSON.stringify(thrown)} being thrown, and does not repeat it`, async () => {
    const { worker, accept, delivery, log } = setUp({
      processors: {
        a: () => {
          throw thrown;
        },
      },
    });
    const id = await accept();
    expect(await worker.drain()).toEqual({ ...nothing, retry: 1 });
    expect((await delivery(id))?.lastError).toMatch(/not an Error/);
    expect(log.lines.join()).not.toContain("canary");
  });
}

test("a worker tells the reason that is hidden in an error's cause", async () => {
  const { worker, accept, delivery } = setUp({
    processors: {
      a: () => {
        const cause = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
        throw new TypeError("fetch failed", { cause });
      },
    },
  });
  const id = await accept();
  await worker.drain();
  expect((await delivery(id))?.lastError).toBe("TypeError: fetch failed (ECONNREFUSED)");
});

test("a worker gives up on stored bytes that are no event any more", async () => {
  let runs = 0;
  const { worker, accept, delivery } = setUp({ processors: { a: () => runs++ } });
  const id = await accept({ body: new TextEncoder().encode("{}") });
  expect(await worker.drain()).toEqual({ ...nothing, dead: 1 });
  expect(await delivery(id)).toMatchObject({ state: "dead", attempts: 1 });
  expect(runs).toBe(0);
});

test("a worker tells a processor all that its context promises", async () => {
  const contexts: ProcessorContext[] = [];
  const { worker, accept, storage, advance, log } = setUp({
    processors: {
      a: (_event, context) => {
        contexts.push(context);
        context.log.info("working", { step: 1 });
        if (contexts.length === 1) throw new RetryLater(0);
      },
    },
    options: { leaseMs: 1_000 },
  });
  const receivedAt = Date.UTC(2026, 0, 1, 11, 59, 59, 7);
  const id = await accept({ receivedAt });
  await worker.drain();
  expect(contexts).toMatchObject([{ id, attempt: 1, fence: 1 }, { id, attempt: 2, fence: 2 }]);
  for (const { receivedAt: at, signal } of contexts) {
    expect(at).toEqual(new Date(receivedAt));
    expect(signal.aborted).toBe(false);
  }
  expect(log.of("working")).toMatchObject([
    { level: "info", id, processor: "a", attempt: 1, step: 1 },
    { level: "info", id, processor: "a", attempt: 2, step: 1 },
  ]);

  // The fence grows after an attempt whose process died, too.
  const second = await accept();
  await storage.claim({ processors: ["a"], limit: 1, leaseMs: 1_000, maxAttempts: 8 });
  advance(1_000);
  await worker.drain();
  expect(contexts[2]).toMatchObject({ id: second, attempt: 2, fence: 2 });
});

test("a worker buries a delivery without a run when its last attempt never ended", async () => {
  let runs = 0;
  const { worker, accept, storage, advance, delivery, log } = setUp({
    processors: { a: () => runs++ },
    options: { maxAttempts: 2 },
  });
  const id = await accept();
  for (let crash = 0; crash < 2; crash++) {
    const request = { processors: ["a"], limit: 1, leaseMs: 1_000, maxAttempts: 2 };
    expect((await storage.claim(request)).claims).toHaveLength(1);
    advance(1_000);
  }
  expect(await worker.drain()).toEqual(nothing);
  expect(runs).toBe(0);
  expect(await delivery(id)).toMatchObject({ state: "dead", attempts: 2 });
  expect(log.of("delivery dead")).toMatchObject([{ level: "error", id, processor: "a" }]);
});

test("a worker aborts an attempt at its time-out and tries it again", async () => {
  const reasons: unknown[] = [];
  const { worker, accept, delivery } = setUp({
    processors: {
      a: async (_event, { signal }) => {
        await untilAborted(signal).catch((reason: Error) => {
          reasons.push(reason.name);
          throw new DOMException("This operation was aborted", "AbortError");
        });
      },
    },
    options: { timeoutMs: 20, maxAttempts: 8 },
  });
  const id = await accept();
  expect(await worker.drain()).toEqual({ ...nothing, retry: 1 });
  expect(reasons).toEqual(["TimeoutError"]);
  const { state, attempts, lastError } = (await delivery(id))!;
  expect({ state, attempts }).toEqual({ state: "pending", attempts: 1 });
  // Why it was aborted, not what the abort looked like from inside.
  expect(lastError).toMatch(/^TimeoutError: .*20 ms/);
});

test("a worker frees the slot of a processor that ignores its time-out, and refuses its late result", async () => {
  const { open, opened } = gate();
  const runs: string[] = [];
  const { worker, accept, delivery, settled } = setUp({
    processors: {
      a: async ({ data }) => {
        runs.push(data.job_id);
        if (data.job_id === "stuck") await opened;
      },
    },
    options: { concurrency: 1, timeoutMs: 20, backoff: { firstMs: hour, maxMs: hour } },
  });
  const random = vi.spyOn(Math, "random").mockReturnValue(0.5);
  try {
    const stuck = await accept({ jobId: "stuck" });
    const next = await accept({ jobId: "next" });
    worker.start();
    const [first, second] = await settled.take(2);
    expect(first).toMatchObject({ lease: { eventId: stuck }, outcome: { kind: "retry" } });
    expect(second).toMatchObject({ lease: { eventId: next }, outcome: { kind: "succeeded" } });
    open();
    await opened;
    await worker.stop();
    expect(runs).toEqual(["stuck", "next"]);
    expect(settled.items).toHaveLength(2);
    expect(await delivery(stuck)).toMatchObject({ state: "pending", attempts: 1 });
  } finally {
    random.mockRestore();
  }
});

test("a worker takes the success of a processor that ends just after its abort", async () => {
  const { worker, accept } = setUp({
    processors: {
      a: (_event, { signal }) =>
        new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
    },
    options: { timeoutMs: 10 },
  });
  await accept();
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 1 });
});

test("a worker renews the lease of what it runs, so that no other worker takes it", async () => {
  const { open, opened } = gate();
  const started = createQueue<number>();
  const { worker, anotherWorker, accept, advance, renewed, delivery } = setUp({
    processors: {
      a: async (_event, { attempt }) => {
        started.push(attempt);
        await opened;
      },
    },
    options: { leaseMs: 60 },
  });
  const id = await accept();
  worker.start();
  await started.next();
  const another = anotherWorker();
  for (let renewals = 0; renewals < 5; renewals++) {
    advance(50);
    expect(await renewed.next()).toBe(true);
    expect(await another.drain()).toEqual(nothing);
  }
  open();
  await worker.stop();
  expect(started.items).toEqual([1]);
  expect(await delivery(id)).toMatchObject({ state: "succeeded", attempts: 1 });
});

test("a worker aborts an attempt whose lease is lost, and drops its outcome", async () => {
  const started = createQueue<AbortSignal>();
  const { worker, accept, advance, storage, settled, delivery, log } = setUp({
    processors: {
      a: async (_event, { signal }) => {
        started.push(signal);
        await untilAborted(signal);
      },
    },
    options: { leaseMs: 60 },
  });
  const id = await accept();
  worker.start();
  const signal = await started.next();
  advance(60);
  const request = { processors: ["a"], limit: 1, leaseMs: hour, maxAttempts: 8 };
  const { claims: [taken] } = await storage.claim(request);
  expect(taken).toMatchObject({ eventId: id, attempt: 2, fence: 2 });

  expect(await settled.next()).toMatchObject({ lease: { fence: 1 }, held: false });
  expect(signal.reason).toMatchObject({ name: "LeaseLostError" });
  await worker.stop();
  expect(await delivery(id)).toMatchObject({ state: "running", attempts: 2, lastError: null });
  expect(log.of("lease lost, outcome dropped")).toMatchObject([{ level: "warn", id, attempt: 1 }]);
  expect(await storage.settle(taken!, { kind: "succeeded" })).toBe(true);
});

test("drain() counts an outcome that came after the lease as lost", async () => {
  const { worker, accept, storage, advance, delivery } = setUp({
    processors: {
      a: async () => {
        advance(hour);
        await storage.claim({ processors: ["a"], limit: 1, leaseMs: hour, maxAttempts: 8 });
      },
    },
  });
  const id = await accept();
  expect(await worker.drain()).toEqual({ ...nothing, lost: 1 });
  expect(await delivery(id)).toMatchObject({ state: "running", attempts: 2 });
});

test("a worker keeps a lease through renewals that fail now and then", async () => {
  const { open, opened } = gate();
  let calls = 0;
  const { worker, accept, renewed, log } = setUp({
    processors: { a: () => opened },
    options: { leaseMs: 300 },
    faulty: ({ renew }) => ({
      renew: (lease, leaseMs) =>
        ++calls === 1 ? Promise.reject(new Error("connection reset")) : renew(lease, leaseMs),
    }),
  });
  await accept();
  const draining = worker.drain();
  expect(await renewed.next()).toBe(true);
  open();
  expect(await draining).toEqual({ ...nothing, succeeded: 1 });
  expect(log.of("lease not renewed")).toHaveLength(1);
});

for (
  const [fault, renew] of Object.entries({
    "fails": () => Promise.reject(new Error("connection reset")),
    "never answers": () => new Promise<never>(() => {}),
  })
) {
  test(`a worker aborts an attempt at the end of its lease when the renewal ${fault}`, async () => {
    const reasons: unknown[] = [];
    const { open, opened } = gate();
    const { worker, accept } = setUp({
      processors: {
        a: async (_event, { signal }) => {
          await Promise.race([untilAborted(signal), opened]).catch((reason: Error) => {
            reasons.push(reason.name);
            throw reason;
          });
        },
      },
      options: { leaseMs: 30 },
      faulty: () => ({ renew }),
    });
    await accept();
    // Far longer than the lease.
    setTimeout(open, 1_000);
    await worker.drain();
    expect(reasons).toEqual(["LeaseLostError"]);
  });
}

test("start() works through what is due and what is woken for, without waiting for a poll", async () => {
  const { worker, accept, settled } = setUp({ processors: { a: () => {} } });
  const before = await accept();
  worker.start();
  expect(await settled.next()).toMatchObject({ lease: { eventId: before } });
  const after = await accept();
  worker.wake();
  expect(await settled.next()).toMatchObject({ lease: { eventId: after } });
});

test("start() asks for what is due now and then", async () => {
  const { worker, accept, settled, claimed } = setUp({
    processors: { a: () => {} },
    options: { pollMs: 5 },
  });
  worker.start();
  await claimed.take(2);
  const id = await accept();
  expect(await settled.next()).toMatchObject({ lease: { eventId: id } });
});

test("start() claims again as soon as there is room, however long the queue is", async () => {
  const { worker, accept, settled } = setUp({
    processors: { a: () => {} },
    options: { concurrency: 2 },
  });
  const ids = await Promise.all(Array.from({ length: 9 }, () => accept()));
  worker.start();
  const done = (await settled.take(9)).map(({ lease }) => lease.eventId);
  expect(done.sort()).toEqual(ids.sort());
});

test("start() called again changes nothing", async () => {
  const { worker, accept, settled } = setUp({ processors: { a: () => {} } });
  worker.start();
  worker.start();
  await accept();
  worker.wake();
  await settled.next();
  await worker.stop();
  expect(settled.items).toHaveLength(1);
});

test("wake() does nothing before start()", async () => {
  const { worker, accept, claimed } = setUp({ processors: { a: () => {} } });
  await accept();
  worker.wake();
  await worker.stop();
  expect(claimed.items).toEqual([]);
});

test("wake() is not lost, whenever in the course of a claim it comes", async () => {
  for (let ticks = 0; ticks < 12; ticks++) {
    const event = await newEvent();
    const { open, opened } = gate();
    const { worker, storage, settled } = setUp({
      processors: { a: () => {} },
      faulty: ({ claim }) => ({
        async claim(request) {
          const result = await claim(request);
          open();
          return result;
        },
      }),
    });
    worker.start();
    await opened;
    // The claim found nothing; its answer is on the way through the worker.
    for (let tick = 0; tick < ticks; tick++) await null;
    storage.accept(event);
    worker.wake();
    const lost = new Promise((resolve) => setTimeout(resolve, 500, `lost after ${ticks} ticks`));
    expect(await Promise.race([settled.next(), lost])).toMatchObject({
      outcome: { kind: "succeeded" },
    });
  }
});

/** A processor that stays until it is let go, and how many of it run at most at once. */
function crowded() {
  let inside = 0;
  let most = 0;
  const entered = createQueue<() => void>();
  const processor: Processor = async () => {
    most = Math.max(most, ++inside);
    await new Promise<void>((resolve) => entered.push(resolve));
    inside--;
  };
  return {
    processor,
    most: () => most,
    /** Lets so many go one by one, each once another one has come in its place. */
    async pass(count: number, places: number): Promise<void> {
      const staying = await entered.take(places);
      for (let gone = 0; gone < count; gone++) {
        staying.shift()?.();
        if (gone + places < count) staying.push(await entered.next());
      }
    },
  };
}

test("a started worker runs no more attempts at once than its concurrency", async () => {
  const { processor, most, pass } = crowded();
  const { worker, accept, settled } = setUp({
    processors: { a: processor, b: processor },
    options: { concurrency: 3 },
  });
  await Promise.all(Array.from({ length: 5 }, () => accept()));
  worker.start();
  worker.wake();
  await pass(10, 3);
  await settled.take(10);
  expect(most()).toBe(3);
});

test("drain() runs no more attempts at once than its concurrency", async () => {
  const { processor, most, pass } = crowded();
  const { worker, accept, claimed } = setUp({
    processors: { a: processor },
    options: { concurrency: 3 },
  });
  await Promise.all(Array.from({ length: 10 }, () => accept()));
  const draining = worker.drain();
  await pass(10, 3);
  expect(await draining).toEqual({ ...nothing, succeeded: 10 });
  expect(most()).toBe(3);
  // A storage need not understand a claim of nothing.
  for (const { request } of claimed.items) expect(request.limit).toBeGreaterThanOrEqual(1);
});

test("several drain() at once hand out each delivery once", async () => {
  const runs: string[] = [];
  const { worker, accept } = setUp({
    processors: { a: (_event, { id }) => runs.push(id) },
    options: { concurrency: 2 },
  });
  const ids = await Promise.all(Array.from({ length: 10 }, () => accept()));
  const results = await Promise.all([worker.drain(), worker.drain(), worker.drain()]);
  expect(results.reduce((sum, { succeeded }) => sum + succeeded, 0)).toBe(10);
  expect(runs.sort()).toEqual(ids.sort());
});

test("drain() works through all that is due, round after round", async () => {
  const { worker, accept } = setUp({ processors: { a: () => {} }, options: { concurrency: 4 } });
  await Promise.all(Array.from({ length: 25 }, () => accept()));
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 25 });
  expect(await worker.drain()).toEqual(nothing);
});

test("drain() leaves no timer behind, of its own or of an attempt", async () => {
  const { worker, accept } = setUp({ processors: { a: () => {} } });
  await accept();
  vi.useFakeTimers();
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 1 });
  expect(vi.getTimerCount()).toBe(0);
});

test("drain() ends at once without processors", async () => {
  const { worker, claimed } = setUp({ processors: {} });
  expect(await worker.drain()).toEqual(nothing);
  expect(claimed.items).toEqual([]);
});

test("drain() aborts and gives back what still runs when its budget is over", async () => {
  const reasons: unknown[] = [];
  const { worker, accept, delivery } = setUp({
    processors: {
      a: async (_event, { signal }) => {
        await untilAborted(signal).catch((reason: Error) => {
          reasons.push(reason.name);
          throw reason;
        });
      },
    },
    options: { concurrency: 2 },
  });
  const ids = [await accept(), await accept(), await accept()];
  expect(await worker.drain({ budgetMs: 20 })).toEqual({ ...nothing, released: 2 });
  expect(reasons).toEqual(["StoppedError", "StoppedError"]);
  for (const id of ids) {
    expect(await delivery(id)).toMatchObject({ state: "pending", attempts: 0 });
  }
});

test("drain() rejects when the storage does, and works again when it does", async () => {
  let broken = true;
  const { worker, accept } = setUp({
    processors: { a: () => {} },
    faulty: ({ claim }) => ({
      claim: (request) => broken ? Promise.reject(new Error("disk I/O error")) : claim(request),
    }),
  });
  await accept();
  await expect(worker.drain()).rejects.toThrow("disk I/O error");
  broken = false;
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 1 });
});

test("a started worker goes on asking a storage that fails, and says so once", async () => {
  let calls = 0;
  const failed = createQueue<number>();
  const { worker, accept, settled, log } = setUp({
    processors: { a: () => {} },
    options: { pollMs: 4 },
    faulty: ({ claim }) => ({
      claim(request) {
        if (++calls > 3) return claim(request);
        failed.push(calls);
        return Promise.reject(new Error("database is locked"));
      },
    }),
  });
  const id = await accept();
  worker.start();
  await failed.take(3);
  expect(await settled.next()).toMatchObject({ lease: { eventId: id } });
  await worker.stop();
  expect(log.of("does not answer")).toMatchObject([
    { level: "error", error: expect.stringContaining("database is locked") },
  ]);
  expect(log.of("answers the worker again")).toMatchObject([{ level: "info" }]);
});

test("a worker goes on recording an outcome until the storage takes it, once", async () => {
  let runs = 0;
  let calls = 0;
  const { worker, accept, delivery, settled } = setUp({
    processors: { a: () => runs++ },
    faulty: ({ settle }) => ({
      settle: (lease, outcome) =>
        ++calls <= 2 ? Promise.reject(new Error("connection reset")) : settle(lease, outcome),
    }),
  });
  const id = await accept();
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 1 });
  expect(runs).toBe(1);
  expect(settled.items).toHaveLength(1);
  expect(await delivery(id)).toMatchObject({ state: "succeeded", attempts: 1 });
});

test("a worker repeats no success that was recorded though the storage failed", async () => {
  let runs = 0;
  let calls = 0;
  const { worker, accept, delivery } = setUp({
    processors: { a: () => runs++ },
    faulty: ({ settle }) => ({
      async settle(lease, outcome) {
        const held = await settle(lease, outcome);
        if (++calls === 1) throw new Error("connection reset after the commit");
        return held;
      },
    }),
  });
  const id = await accept();
  await worker.drain();
  await worker.drain();
  expect(runs).toBe(1);
  expect(await delivery(id)).toMatchObject({ state: "succeeded", attempts: 1 });
});

test("a worker keeps the lease while it cannot record the outcome", async () => {
  let broken = true;
  const { worker, accept, advance, delivery } = setUp({
    processors: { a: () => {} },
    options: { leaseMs: 6_000 },
    faulty: ({ settle }) => ({
      settle: (lease, outcome) =>
        broken ? Promise.reject(new Error("connection reset")) : settle(lease, outcome),
    }),
  });
  const id = await accept();
  vi.useFakeTimers();
  const draining = worker.drain();
  for (let seconds = 0; seconds < 20; seconds++) {
    advance(1_000);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  broken = false;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await draining).toEqual({ ...nothing, succeeded: 1 });
  expect(await delivery(id)).toMatchObject({ state: "succeeded", attempts: 1 });
});

test("stop() claims nothing more", async () => {
  const { worker, accept, claimed, delivery } = setUp({
    processors: { a: () => {} },
    options: { pollMs: 1 },
  });
  worker.start();
  await claimed.next();
  await worker.stop();
  const asked = claimed.items.length;
  const id = await accept();
  worker.wake();
  worker.start();
  expect(await worker.drain()).toEqual(nothing);
  expect(claimed.items).toHaveLength(asked);
  expect(await delivery(id)).toMatchObject({ state: "pending", attempts: 0 });
});

test("stop() leaves no timer behind, however often the worker was woken", async () => {
  const { worker, claimed } = setUp({ processors: { a: () => {} } });
  vi.useFakeTimers();
  worker.start();
  for (let wakes = 0; wakes < 3; wakes++) {
    await claimed.next();
    await vi.advanceTimersByTimeAsync(0);
    worker.wake();
  }
  await claimed.next();
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(1);
  await worker.stop();
  expect(vi.getTimerCount()).toBe(0);
});

test("stop() gives back what is claimed at that moment, without running it", async () => {
  const asked = gate();
  const { open, opened } = gate();
  let runs = 0;
  const { worker, accept, delivery } = setUp({
    processors: { a: () => runs++ },
    faulty: ({ claim }) => ({
      async claim(request) {
        asked.open();
        await opened;
        return await claim(request);
      },
    }),
  });
  const id = await accept();
  worker.start();
  await asked.opened;
  const stopping = worker.stop();
  open();
  await stopping;
  expect(runs).toBe(0);
  expect(await delivery(id)).toMatchObject({ state: "pending", attempts: 0 });
});

test("stop() waits for what runs", async () => {
  const { open, opened } = gate();
  const started = createQueue<AbortSignal>();
  const { worker, accept, delivery } = setUp({
    processors: {
      a: async (_event, { signal }) => {
        started.push(signal);
        await opened;
      },
    },
  });
  const id = await accept();
  worker.start();
  const signal = await started.next();
  let stopped = false;
  const stopping = worker.stop().then(() => stopped = true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(stopped).toBe(false);
  open();
  await stopping;
  expect(signal.aborted).toBe(false);
  expect(await delivery(id)).toMatchObject({ state: "succeeded", attempts: 1 });
});

test("stop() aborts what does not end, and gives it back without burning an attempt", async () => {
  const started = createQueue<AbortSignal>();
  const { worker, anotherWorker, accept, delivery } = setUp({
    processors: {
      a: async (_event, { signal, attempt }) => {
        started.push(signal);
        if (started.items.length === 1) await untilAborted(signal);
        expect(attempt).toBe(1);
      },
    },
  });
  const id = await accept();
  worker.start();
  const signal = await started.next();
  await worker.stop({ graceMs: 10 });
  expect(signal.reason).toMatchObject({ name: "StoppedError" });
  expect(await delivery(id)).toMatchObject({ state: "pending", attempts: 0 });
  expect(await anotherWorker().drain()).toEqual({ ...nothing, succeeded: 1 });
});

test("stop() keeps the verdict of a processor that gives up for good as it is aborted", async () => {
  const started = createQueue<undefined>();
  const { worker, accept, delivery } = setUp({
    processors: {
      a: async (_event, { signal }) => {
        started.push(undefined);
        await untilAborted(signal).catch(() => {
          throw new PermanentError("half done, do not repeat");
        });
      },
    },
  });
  const id = await accept();
  worker.start();
  await started.next();
  await worker.stop({ graceMs: 0 });
  expect(await delivery(id)).toMatchObject({ state: "dead", attempts: 1 });
});

test("stop() resolves within 4 s whatever a processor does, and gives its delivery back", async () => {
  const started = createQueue<AbortSignal>();
  const { worker, accept, delivery } = setUp({
    processors: {
      a: async (_event, { signal }) => {
        started.push(signal);
        await new Promise(() => {});
      },
    },
  });
  const id = await accept();
  vi.useFakeTimers();
  worker.start();
  const signal = await started.next();
  let stopped = false;
  worker.stop().then(() => stopped = true);
  await vi.advanceTimersByTimeAsync(2_999);
  expect(signal.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(signal.aborted).toBe(true);
  expect(stopped).toBe(false);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(stopped).toBe(true);
  expect(await delivery(id)).toMatchObject({ state: "pending", attempts: 0 });
});

for (const method of ["claim", "settle", "renew"] as const) {
  test(`stop() resolves within 4 s when the storage's ${method}() does not answer`, async () => {
    const { open, opened } = gate();
    const answer = method === "claim" ? { claims: [], exhausted: [] } : false;
    const { worker, accept } = setUp({
      processors: { a: () => method === "renew" ? opened : undefined },
      faulty: () => ({ [method]: () => opened.then(() => answer) }),
    });
    await accept();
    vi.useFakeTimers();
    worker.start();
    let stopped = false;
    worker.stop().then(() => stopped = true);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(stopped).toBe(true);
    open();
  });
}

test("stop() ends a drain() too", async () => {
  const started = createQueue<undefined>();
  const { worker, accept, delivery } = setUp({
    processors: {
      a: async (_event, { signal }) => {
        started.push(undefined);
        await untilAborted(signal);
      },
    },
    options: { concurrency: 1 },
  });
  const ids = [await accept(), await accept()];
  const draining = worker.drain();
  await started.next();
  await worker.stop({ graceMs: 10 });
  expect(await draining).toEqual({ ...nothing, released: 1 });
  for (const id of ids) {
    expect(await delivery(id)).toMatchObject({ state: "pending", attempts: 0 });
  }
});

test("stop() reaches what a drain() had started before the storage failed", async () => {
  const started = createQueue<AbortSignal>();
  const broken = gate();
  let calls = 0;
  const { worker, accept, delivery } = setUp({
    processors: {
      a: async (_event, { signal }) => {
        started.push(signal);
        await untilAborted(signal);
      },
    },
    faulty: ({ claim }) => ({
      claim(request) {
        if (++calls === 1) return claim(request);
        broken.open();
        return Promise.reject(new Error("disk I/O error"));
      },
    }),
  });
  const id = await accept();
  const draining = worker.drain().catch((error: Error) => error.message);
  const signal = await started.next();
  await broken.opened;
  await new Promise((resolve) => setImmediate(resolve));
  await worker.stop({ graceMs: 10 });
  expect(signal.aborted).toBe(true);
  expect(await delivery(id)).toMatchObject({ state: "pending", attempts: 0 });
  expect(await draining).toBe("disk I/O error");
});

test("stop() called twice, and before start(), resolves", async () => {
  const { worker } = setUp({ processors: { a: () => {} } });
  await worker.stop();
  await worker.stop();
});

for (const afterMs of [-1, NaN, Infinity, 25 * 24 * hour]) {
  test(`RetryLater refuses ${afterMs} ms, and says what it expects`, () => {
    expect(() => new RetryLater(afterMs)).toThrow(RangeError);
    expect(() => new RetryLater(afterMs)).toThrow(/expects 0 to \d+ milliseconds, got/);
  });
}

test("RetryLater and PermanentError are errors of their names, with a cause", () => {
  const cause = new Error("503");
  expect(new RetryLater(5, "busy", { cause }))
    .toMatchObject({ name: "RetryLater", message: "busy", afterMs: 5, cause });
  expect(new PermanentError("gone", { cause }))
    .toMatchObject({ name: "PermanentError", message: "gone", cause });
  expect(new RetryLater(24 * 24 * hour)).toBeInstanceOf(Error);
});
