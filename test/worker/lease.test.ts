import { expect, test } from "vitest";
import { createGate } from "../support/gate.ts";
import { createQueue } from "../support/queue.ts";
import { untilAborted } from "../support/until-aborted.ts";
import { nothing, setUp } from "../support/worker-under-test.ts";

const hour = 3_600_000;

test("a worker renews the lease of what it runs, so that no other worker takes it", async () => {
  const { open, opened } = createGate();
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
  expect(log.of("lease lost, or the outcome was recorded before")).toMatchObject([{
    level: "warn",
    id,
    attempt: 1,
  }]);
  expect(await storage.settle(taken!, { kind: "succeeded" })).toBe(true);
});

test("a worker keeps a lease through renewals that fail now and then", async () => {
  const { open, opened } = createGate();
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
  expect(log.of("lease not renewed")).toMatchObject([{ error: "Error: connection reset" }]);
});

for (
  const [fault, renew] of Object.entries({
    "fails": () => Promise.reject(new Error("connection reset")),
    "never answers": () => new Promise<never>(() => {}),
  })
) {
  test(`a worker aborts an attempt at the end of its lease when the renewal ${fault}`, async () => {
    const reasons: unknown[] = [];
    const { open, opened } = createGate();
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

/** Keeps the thread from all else, as a long computation does. */
function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

test("a worker renews a lease that grew old while other processors blocked the thread", async () => {
  const renewals: number[] = [];
  const { worker, accept, renewed } = setUp({
    processors: {
      a: () => {
        renewals.push(renewed.items.length);
        block(80);
      },
    },
    options: { concurrency: 4, leaseMs: 150 },
  });
  await Promise.all(Array.from({ length: 4 }, () => accept()));
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 4 });
  // The first had just been claimed; those that wait renew theirs, as often as one runs before them.
  expect(renewals).toHaveLength(4);
  expect(renewals[0]).toBe(0);
  for (const [index, count] of renewals.entries()) expect(count).toBeGreaterThanOrEqual(index);
});

test("a worker does not run what it lost while another processor blocked the thread", async () => {
  const runs: string[] = [];
  const { worker, accept, advance, storage, delivery } = setUp({
    processors: {
      a: (_event, { id }) => {
        runs.push(id);
        block(80);
        // Longer than the lease: another process has both by now.
        advance(hour);
        void storage.claim({ processors: ["a"], limit: 2, leaseMs: hour, maxAttempts: 8 });
      },
    },
    options: { concurrency: 2, leaseMs: 150 },
  });
  const ids = [await accept(), await accept()];
  expect(await worker.drain()).toEqual({ ...nothing, lost: 2 });
  expect(runs).toEqual([ids[0]]);
  for (const id of ids) {
    expect(await delivery(id)).toMatchObject({ state: "running", attempts: 2 });
  }
});
