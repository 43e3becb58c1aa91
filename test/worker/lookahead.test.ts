import { expect, test, vi } from "vitest";
import { createGate } from "../support/gate.ts";
import { createQueue } from "../support/queue.ts";
import { setUp } from "../support/worker-under-test.ts";

test("a place is free once its processor has ended, before that is recorded", async () => {
  const started = createQueue<string>();
  const { open, opened } = createGate();
  const { worker, accept, settled } = setUp({
    processors: { a: (_event, { id }) => started.push(id) },
    options: { concurrency: 1 },
    faulty: ({ settle }) => ({
      async settle(lease, outcome) {
        await opened;
        return await settle(lease, outcome);
      },
    }),
  });
  const ids = [await accept(), await accept(), await accept()];
  worker.start();
  expect(await started.take(2)).toEqual(ids.slice(0, 2));
  // But not without end.
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(started.items).toEqual(ids.slice(0, 2));
  open();
  expect(await started.next()).toBe(ids[2]);
  await settled.take(3);
});

test("a worker whose attempts end at once claims more than it runs, and runs no more", async () => {
  let inside = 0;
  let most = 0;
  const { worker, accept, settled, claimed } = setUp({
    processors: {
      a: async () => {
        most = Math.max(most, ++inside);
        await null;
        inside--;
      },
    },
    options: { concurrency: 2 },
  });
  await Promise.all(Array.from({ length: 200 }, () => accept()));
  worker.start();
  await settled.take(200);
  expect(most).toBe(2);
  const limits = claimed.items.map(({ request }) => request.limit);
  expect(limits[0]).toBe(2);
  // By how much depends on how long they took.
  expect(Math.max(...limits)).toBeGreaterThan(2);
});

test("a worker whose attempts take long claims no more than it runs", async () => {
  const { worker, accept, settled, claimed } = setUp({
    processors: { a: () => new Promise((resolve) => setTimeout(resolve, 30)) },
    options: { concurrency: 8 },
  });
  await Promise.all(Array.from({ length: 40 }, () => accept()));
  worker.start();
  await settled.take(40);
  for (const { request } of claimed.items) {
    expect(request.limit).toBeGreaterThan(0);
    expect(request.limit).toBeLessThanOrEqual(8);
  }
});

test("a worker claims nothing ahead while it gets what was tried before", async () => {
  const { worker, accept, settled, claimed, storage, advance } = setUp({
    processors: { a: () => {} },
    options: { concurrency: 2 },
  });
  await Promise.all(Array.from({ length: 100 }, () => accept()));
  const request = { processors: ["a"], limit: 100, leaseMs: 1, maxAttempts: 8 };
  // As by a process that died.
  await storage.claim(request);
  advance(1_000);
  worker.start();
  await settled.take(100);
  for (const { request } of claimed.items) expect(request.limit).toBeLessThanOrEqual(2);
});

test("what waits long for a place is given back, and burns no attempt", async () => {
  const { open, opened } = createGate();
  let isSlow = false;
  const { worker, accept, settled, claimed, delivery } = setUp({
    processors: { a: () => isSlow ? opened : undefined },
    options: { concurrency: 1, leaseMs: 300, pollMs: 5 },
  });
  worker.start();
  // Until it has learned to claim ten at once, however slow the machine is meanwhile.
  do {
    await accept();
    await settled.next();
    worker.wake();
  } while (Number(claimed.items.at(-1)?.request.limit) < 10);
  isSlow = true;
  const ids = await Promise.all(Array.from({ length: 10 }, () => accept()));
  const givenBack = await settled.take(9);
  expect(givenBack.map(({ outcome, held }) => [outcome.kind, held]))
    .toEqual(givenBack.map(() => ["released", true]));
  for (const { lease } of givenBack) {
    expect(await delivery(lease.eventId)).toMatchObject({ state: "pending", attempts: 0 });
  }
  isSlow = false;
  open();
  await settled.take(10);
  for (const id of ids) {
    expect(await delivery(id)).toMatchObject({ state: "succeeded", attempts: 1 });
  }
});

test("a worker that is not behind claims as many as it was told of, and some more", async () => {
  const { worker, accept, settled, claimed } = setUp({
    processors: { a: () => {} },
    options: { concurrency: 2 },
  });
  await Promise.all(Array.from({ length: 100 }, () => accept()));
  worker.start();
  await settled.take(100);
  await vi.waitUntil(() => Number(claimed.items.at(-1)?.result.claims.length) === 0);
  const limits: (number | undefined)[] = [];
  for (const stored of [1, 0, undefined]) {
    const before = claimed.items.length;
    worker.wake(stored);
    await vi.waitUntil(() => claimed.items.length > before);
    limits.push(claimed.items.at(-1)?.request.limit);
  }
  // Told of nothing, it claims as many as there is room for.
  expect(limits).toEqual([3, 2, expect.any(Number)]);
  expect(limits[2]).toBeGreaterThan(3);
});
