import type { Claim, Processor, Storage, WebhookEvent, WorkerOptions } from "imggo-webhooks";
import { expect, test, vi } from "vitest";
import type { Reservation, Worker } from "../../src/worker.ts";
import { createGate } from "../support/gate.ts";
import { newEvent } from "../support/new-event.ts";
import { createQueue } from "../support/queue.ts";
import { nothing, setUp } from "../support/worker-under-test.ts";

const hour = 3_600_000;

/** A worker that was started and found nothing due. */
async function idle(
  processors: Readonly<Record<string, Processor>>,
  options: WorkerOptions = {},
) {
  const parts = setUp({ processors, options });
  parts.worker.start();
  await parts.claimed.next();
  await vi.waitUntil(() => {
    const room = parts.worker.reserve();
    room?.run([]);
    return room;
  });
  return parts;
}

function reserve(worker: Worker): Reservation {
  return worker.reserve() ?? expect.fail("the worker has no room");
}

/** Stores an event with the lease of a reservation. */
async function acceptIn(
  storage: Storage,
  { lease }: Reservation,
): Promise<{ readonly id: string; readonly claims: readonly Claim[] }> {
  const event = await newEvent({ processors: lease.processors });
  const { id, claims = [] } = await storage.accept(event, undefined, lease);
  expect(claims).toHaveLength(lease.processors.length);
  return { id, claims };
}

/** How many events there is room for. */
function roomOf(worker: Worker): number {
  const reserved: Reservation[] = [];
  for (let next = worker.reserve(); next !== undefined; next = worker.reserve()) {
    reserved.push(next);
  }
  for (const each of reserved) each.run([]);
  return reserved.length;
}

test("reserve() gives nothing before the worker was started, nor after it was stopped", async () => {
  const { worker } = setUp({ processors: { a: () => {} } });
  expect(worker.reserve()).toBeUndefined();
  await worker.drain();
  expect(worker.reserve()).toBeUndefined();
  const { worker: started } = await idle({ a: () => {} });
  expect(roomOf(started)).toBe(10);
  await started.stop();
  expect(started.reserve()).toBeUndefined();
});

test("reserve() gives nothing until a claim has shown that nothing else is due", async () => {
  const { open, opened } = createGate();
  const { worker, claimed, anotherWorker } = setUp({
    processors: { a: () => {} },
    faulty: ({ claim }) => ({
      async claim(request) {
        await opened;
        return await claim(request);
      },
    }),
  });
  worker.start();
  expect(worker.reserve()).toBeUndefined();
  open();
  await claimed.next();
  await vi.waitUntil(() => roomOf(worker) === 10);
  expect(anotherWorker().reserve()).toBeUndefined();
});

test("reserve() runs what was claimed at the storing, without another claim", async () => {
  const events = createQueue<[WebhookEvent, number]>();
  const { worker, storage, claimed, settled, delivery } = await idle({
    a: (event, { attempt }) => events.push([event, attempt]),
  });
  const asked = claimed.items.length;
  const room = reserve(worker);
  const { id, claims } = await acceptIn(storage, room);
  const event = { event: "job.succeeded", data: { job_id: "as it was parsed" } };
  room.run(claims, event as never);
  const [given, attempt] = await events.next();
  expect(given).toBe(event);
  expect(attempt).toBe(1);
  expect(await settled.next()).toMatchObject({ lease: { eventId: id }, held: true });
  expect(await delivery(id)).toMatchObject({ state: "succeeded", attempts: 1 });
  expect(claimed.items).toHaveLength(asked);
});

test("reserve() keeps room for one delivery of each processor, until it is given back", async () => {
  const { open, opened } = createGate();
  const { worker, storage, settled } = await idle({ a: () => opened, b: () => opened }, {
    concurrency: 5,
  });
  expect(roomOf(worker)).toBe(2);
  const [one, two] = [reserve(worker), reserve(worker)];
  expect(worker.reserve()).toBeUndefined();
  two.run([]);
  expect(roomOf(worker)).toBe(1);
  one.run((await acceptIn(storage, one)).claims);
  expect(roomOf(worker)).toBe(1);
  open();
  await settled.take(2);
  await vi.waitUntil(() => roomOf(worker) === 2);
});

test("reserve() gives nothing after a claim that failed, until one has shown it again", async () => {
  let failing = true;
  const failed = createGate();
  const { worker, claimed } = setUp({
    processors: { a: () => {} },
    faulty: ({ claim }) => ({
      claim(request) {
        if (!failing) return claim(request);
        failed.open();
        return Promise.reject(new Error("the disk is full"));
      },
    }),
  });
  worker.start();
  await failed.opened;
  await new Promise((resolve) => setImmediate(resolve));
  expect(worker.reserve()).toBeUndefined();
  failing = false;
  worker.wake();
  await claimed.next();
  await vi.waitUntil(() => roomOf(worker) === 10);
});

test("reserve() gives nothing after a later claim that failed, until one has shown it again", async () => {
  const { open, opened } = createGate();
  let failing = false;
  const { worker } = setUp({
    processors: { a: () => {} },
    faulty: ({ claim }) => ({
      async claim(request) {
        if (!failing) return await claim(request);
        open();
        throw new Error("the disk is full");
      },
    }),
  });
  worker.start();
  await vi.waitUntil(() => roomOf(worker) === 10);
  failing = true;
  worker.wake();
  await opened;
  await new Promise((resolve) => setImmediate(resolve));
  expect(worker.reserve()).toBeUndefined();
  failing = false;
  worker.wake();
  await vi.waitUntil(() => roomOf(worker) === 10);
});

test("reserve() never lets what is new keep what others stored from being run", async () => {
  const started = createQueue<{ readonly id: string; readonly leave: () => void }>();
  const { worker, storage, accept, settled } = await idle({
    a: async (_event, { id }) => {
      await new Promise<void>((leave) => started.push({ id, leave }));
    },
  }, { concurrency: 1, pollMs: 2 });
  const others: string[] = [];
  // Takes the place whenever there is one, as what comes does.
  const greedy = async () => {
    const room = worker.reserve();
    if (room !== undefined) return room.run((await acceptIn(storage, room)).claims);
    await accept();
    worker.wake(1);
  };
  await greedy();
  for (let round = 0; round < 12; round++) {
    const { id, leave } = await started.next();
    if (others.includes(id)) others.splice(others.indexOf(id), 1);
    if (round === 2) others.push(await accept(), await accept());
    if (round === 6) expect(others).toEqual([]);
    // Longer than a poll takes to come upon a worker without room.
    await new Promise((resolve) => setTimeout(resolve, 10));
    leave();
    await settled.next();
    await greedy();
  }
  (await started.next()).leave();
});

test("stop() waits for what is being stored, and gives it back without running it", async () => {
  let runs = 0;
  const { worker, storage, delivery } = await idle({ a: () => void runs++ });
  const room = reserve(worker);
  const { id, claims } = await acceptIn(storage, room);
  let stopped = false;
  const stopping = worker.stop().then(() => stopped = true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(stopped).toBe(false);
  room.run(claims);
  await stopping;
  expect(runs).toBe(0);
  expect(await delivery(id)).toMatchObject({ state: "pending", attempts: 0 });
});

test("what was stored so late that another worker has it is not run", async () => {
  let runs = 0;
  const { worker, storage, advance, settled, delivery } = await idle({ a: () => void runs++ }, {
    leaseMs: 60,
  });
  const room = reserve(worker);
  const { id, claims } = await acceptIn(storage, room);
  await new Promise((resolve) => setTimeout(resolve, 61));
  advance(hour);
  const request = { processors: ["a"], limit: 1, leaseMs: hour, maxAttempts: 8 };
  const { claims: [other] } = await storage.claim(request);
  room.run(claims);
  await worker.stop();
  expect(runs).toBe(0);
  expect(settled.items.filter(({ held }) => held)).toEqual([]);
  expect(await storage.settle(other as Claim, { kind: "succeeded" })).toBe(true);
  expect(await delivery(id)).toMatchObject({ state: "succeeded", attempts: 2 });
});

test("drain() leaves what is reserved to whoever reserved it", async () => {
  const { worker, storage } = await idle({ a: () => {} });
  const room = reserve(worker);
  const { claims } = await acceptIn(storage, room);
  expect(await worker.drain()).toEqual(nothing);
  room.run(claims);
});
