import { RetryLater } from "imggo-webhooks";
import { expect, test, vi } from "vitest";
import { createGate } from "../support/gate.ts";
import { newEvent } from "../support/new-event.ts";
import { setUp } from "../support/worker-under-test.ts";

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

test("start() tries at once again what is due at once again", async () => {
  const { open, opened } = createGate();
  const { worker, accept, claimed, delivery, settled } = setUp({
    processors: {
      a: async (_event, { attempt }) => {
        // By then nothing was due for a while.
        await opened;
        if (attempt === 1) throw new RetryLater(0);
      },
    },
  });
  const id = await accept();
  worker.start();
  await claimed.take(2);
  open();
  await settled.take(2);
  expect(await delivery(id)).toMatchObject({ state: "succeeded", attempts: 2 });
});

test("start() does nothing after stop()", async () => {
  const { worker, accept, claimed } = setUp({ processors: { a: () => {} } });
  await accept();
  await worker.stop();
  worker.start();
  worker.wake();
  await worker.stop();
  expect(claimed.items).toEqual([]);
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
    const { open, opened } = createGate();
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

test("start() works through what the storage says is due, until stop()", async () => {
  let tell = () => {};
  const end = vi.fn();
  const { worker, accept, settled, claimed } = setUp({
    processors: { a: () => {} },
    faulty: () => ({
      onDue(wake) {
        tell = wake;
        return end;
      },
    }),
  });
  worker.start();
  await claimed.next();
  await accept();
  tell();
  await settled.take(1);
  expect(end).not.toHaveBeenCalled();
  await worker.stop();
  expect(end).toHaveBeenCalledOnce();
});
