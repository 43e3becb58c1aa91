import { PermanentError, RetryLater } from "imggo-webhooks";
import { expect, test, vi } from "vitest";
import { nothing, setUp } from "../support/worker-under-test.ts";
import { observerOf } from "../../src/telemetry.ts";
import { createWorker } from "../../src/worker.ts";

const hour = 3_600_000;

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

test("a started worker tries again at once what asks for that, without waiting for a poll", async () => {
  const { worker, accept, settled, delivery } = setUp({
    processors: {
      a(_event, { attempt }) {
        if (attempt < 3) throw new RetryLater(0);
      },
    },
  });
  const id = await accept();
  worker.start();
  await settled.take(3);
  expect(await delivery(id)).toMatchObject({ state: "succeeded", attempts: 3 });
});

test.each([
  ["another error with such a number", { name: "Error", afterMs: 90_000 }],
  ["one that asks for a time before", { name: "RetryLater", afterMs: -1 }],
  ["one that asks for no number", { name: "RetryLater", afterMs: "90000" }],
])("a worker takes %s for any failure, and not for RetryLater", async (_, fields) => {
  const { worker, accept, settled } = setUp({
    processors: { a: () => Promise.reject(Object.assign(new Error("no"), fields)) },
    options: { backoff: { firstMs: 1_000 } },
  });
  await accept();
  await worker.drain();
  const { outcome } = await settled.next();
  const { afterMs = NaN } = outcome as { afterMs?: number };
  expect(afterMs).toBeGreaterThanOrEqual(0);
  expect(afterMs).toBeLessThanOrEqual(1_000);
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
  // Where it was thrown.
  const at = expect.stringMatching(/retries\.test\.ts:\d+/);
  expect(log.of("delivery dead")).toMatchObject([{
    level: "error",
    id,
    processor: "a",
    error,
    at,
  }]);
});

test("a worker tries anything else again with backoff, and gives up after the last attempt", async () => {
  const { worker, accept, advance, delivery, settled } = setUp({
    processors: {
      a: (_event, { attempt }) => {
        throw new RangeError(`attempt ${attempt} failed`);
      },
    },
    options: { maxAttempts: 4, backoff: { firstMs: 1_000, maxMs: 5_000 } },
  });
  const id = await accept();
  for (const longest of [1_000, 4_000, 5_000]) {
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

const unreadable = () => {
  throw new Error("read");
};
const oddities: Readonly<Record<string, unknown>> = {
  "an Error whose cause has a message that is no text": new Error("x", {
    cause: { message: Object.create(null) },
  }),
  "an Error whose name is a Symbol": Object.assign(new Error("x"), { name: Symbol("odd") }),
  "a Proxy that throws when it is read": new Proxy(new Error("x"), {
    get: unreadable,
    getPrototypeOf: unreadable,
  }),
  "a RetryLater after a Symbol": Object.assign(new Error("x"), {
    name: "RetryLater",
    afterMs: Symbol("odd"),
  }),
};
for (const [what, thrown] of Object.entries(oddities)) {
  test(`a worker survives ${what} being thrown, and frees its place`, async () => {
    const { worker, accept, delivery, settled } = setUp({
      processors: {
        a: ({ data }, { attempt }) => {
          if (data.job_id === "odd" && attempt === 1) throw thrown;
        },
      },
      options: { concurrency: 1, backoff: { firstMs: 0 } },
    });
    const odd = await accept({ jobId: "odd" });
    const next = await accept();
    worker.start();
    expect(await settled.next()).toMatchObject({
      lease: { eventId: odd },
      outcome: { kind: "retry", error: expect.any(String) },
    });
    await settled.take(2);
    expect(await delivery(next)).toMatchObject({ state: "succeeded", attempts: 1 });
    expect(await delivery(odd)).toMatchObject({ state: "succeeded", attempts: 2 });
  });
}

for (const afterMs of [Infinity, 1e300]) {
  test(`a worker waits 24 days, the longest, where a RetryLater asks for ${afterMs} ms`, async () => {
    const { worker, accept, advance, delivery } = setUp({
      processors: {
        a: (_event, { attempt }) => {
          if (attempt === 1) throw { name: "RetryLater", afterMs };
        },
      },
      options: { concurrency: 1 },
    });
    const id = await accept();
    expect(await worker.drain()).toEqual({ ...nothing, retry: 1 });
    expect(await delivery(id)).toMatchObject({ state: "pending", attempts: 1 });
    advance(24 * 24 * hour - 1);
    expect(await worker.drain()).toEqual(nothing);
    advance(1);
    expect(await worker.drain()).toEqual({ ...nothing, succeeded: 1 });
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

test("an observer is told of a delivery that is dead because its last attempt never ended", async () => {
  const { storage, accept, advance } = setUp({ processors: { a: () => {} } });
  const attempted = vi.fn();
  const worker = createWorker(
    { storage, processors: { a: () => {} }, observer: observerOf([{ attempted }]) },
    { maxAttempts: 1 },
  );
  await accept();
  await storage.claim({ processors: ["a"], limit: 1, leaseMs: 1_000, maxAttempts: 1 });
  advance(1_000);
  await worker.drain();
  expect(attempted.mock.calls).toEqual([[{ processor: "a", result: "dead" }]]);
});

test("an observer is told how an attempt ended, and how long it took", async () => {
  const { storage, accept } = setUp({ processors: { a: () => {} } });
  const attempted = vi.fn();
  const pause = 20;
  const worker = createWorker({
    storage,
    processors: { a: () => new Promise((resolve) => setTimeout(resolve, pause)) },
    observer: observerOf([{ attempted }]),
  });
  await accept();
  await worker.drain();
  expect(attempted).toHaveBeenCalledExactlyOnceWith(
    { processor: "a", result: "succeeded", durationMs: expect.any(Number) },
  );
  const [[{ durationMs }] = []] = attempted.mock.calls;
  expect(durationMs).toBeGreaterThan(pause - 5);
  expect(durationMs).toBeLessThan(5_000);
});
