import type { Processor } from "imggo-webhooks";
import { expect, test } from "vitest";
import { createQueue } from "../support/queue.ts";
import { nothing, setUp } from "../support/worker-under-test.ts";

const hour = 3_600_000;

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

test("a worker never runs two attempts of a delivery at once, though the clock jumps", async () => {
  const { processor, most, pass } = crowded();
  const { worker, accept, advance, claimed, settled, delivery } = setUp({
    processors: { a: processor },
    options: { concurrency: 2 },
  });
  const id = await accept();
  worker.start();
  await claimed.take(2);
  advance(hour);
  worker.wake();
  // The lease has ended by the storage's clock: the same worker gets the delivery again.
  expect((await claimed.next()).result.claims).toMatchObject([{ eventId: id, attempt: 2 }]);
  await new Promise((resolve) => setImmediate(resolve));
  await pass(2, 1);
  expect(await settled.take(2)).toMatchObject([
    { lease: { fence: 1 }, held: false },
    { lease: { fence: 2 }, held: true },
  ]);
  expect(most()).toBe(1);
  expect(await delivery(id)).toMatchObject({ state: "succeeded", attempts: 2 });
});
