import { PermanentError } from "imggo-webhooks";
import { expect, test, vi } from "vitest";
import { createGate } from "../support/gate.ts";
import { createQueue } from "../support/queue.ts";
import { untilAborted } from "../support/until-aborted.ts";
import { nothing, setUp } from "../support/worker-under-test.ts";

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
  const asked = createGate();
  const { open, opened } = createGate();
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
  const { open, opened } = createGate();
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
    const { open, opened } = createGate();
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

test("stop() waits for what a drain() is claiming, and gives it back", async () => {
  const asked = createGate();
  const answer = createGate();
  let runs = 0;
  const { worker, accept, delivery } = setUp({
    processors: { a: () => runs++ },
    faulty: (storage) => ({
      async claim(request) {
        const claimed = await storage.claim(request);
        asked.open();
        await answer.opened;
        return claimed;
      },
    }),
  });
  const id = await accept();
  const draining = worker.drain();
  await asked.opened;
  const stopping = worker.stop();
  answer.open();
  await stopping;
  expect(await delivery(id)).toMatchObject({ state: "pending", attempts: 0 });
  expect(await draining).toEqual({ ...nothing, released: 1 });
  expect(runs).toBe(0);
});

test("stop() reaches what a drain() had started before the storage failed", async () => {
  const started = createQueue<AbortSignal>();
  const broken = createGate();
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
