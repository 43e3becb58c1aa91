import { expect, test, vi } from "vitest";
import { untilAborted } from "../support/until-aborted.ts";
import { nothing, setUp } from "../support/worker-under-test.ts";

const hour = 3_600_000;

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

test("drain() runs no more deliveries than its limit", async () => {
  const { worker, accept, claimed } = setUp({
    processors: { a: () => {} },
    options: { concurrency: 4 },
  });
  await Promise.all(Array.from({ length: 12 }, () => accept()));
  expect(await worker.drain({ limit: 6 })).toEqual({ ...nothing, succeeded: 6 });
  expect(claimed.items.length).toBeGreaterThan(1);
  expect(await worker.drain({ limit: 6 })).toEqual({ ...nothing, succeeded: 6 });
  expect(await worker.drain({ limit: 6 })).toEqual(nothing);
});

test("drain() claims nothing where its limit is 0", async () => {
  const { worker, accept, claimed } = setUp({ processors: { a: () => {} } });
  await accept();
  expect(await worker.drain({ limit: 0 })).toEqual(nothing);
  expect(claimed.items).toEqual([]);
});

test("drain() ends at once without processors", async () => {
  const { worker, claimed } = setUp({ processors: {} });
  expect(await worker.drain()).toEqual(nothing);
  expect(claimed.items).toEqual([]);
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
