import { expect, test, vi } from "vitest";
import { createQueue } from "../support/queue.ts";
import { nothing, setUp } from "../support/worker-under-test.ts";

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
  expect(log.of("claiming failed")).toMatchObject([
    { level: "error", error: expect.stringContaining("database is locked") },
  ]);
  expect(log.of("claiming works again")).toMatchObject([{ level: "info" }]);
});

test("a worker goes on recording an outcome until the storage takes it, once", async () => {
  let runs = 0;
  let calls = 0;
  const { worker, accept, delivery, settled, log } = setUp({
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
  const why = { processor: "a", error: "Error: connection reset" };
  expect(log.of("outcome not recorded yet")).toMatchObject([why, why]);
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

test("a worker takes an outcome for lost that it could not record while its lease lasted", async () => {
  const broken = () => Promise.reject(new Error("connection reset"));
  const { worker, accept, delivery } = setUp({
    processors: { a: () => {} },
    options: { leaseMs: 6_000 },
    faulty: () => ({ settle: broken, renew: broken }),
  });
  const id = await accept();
  vi.useFakeTimers();
  const draining = worker.drain();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await draining).toEqual({ ...nothing, lost: 1 });
  expect(await delivery(id)).toMatchObject({ state: "running", attempts: 1 });
});
