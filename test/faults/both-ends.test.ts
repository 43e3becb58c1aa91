import { memoryStorage } from "imggo-webhooks/storage/memory";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { expect, test } from "vitest";
import { setUp } from "../support/receiver-under-test.ts";
import { failure, success } from "../support/wire.ts";

/** Every order of these, equal ones told apart by nothing. */
function ordersOf<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return [...new Set(items)].flatMap((first) => {
    const at = items.indexOf(first);
    return ordersOf(items.toSpliced(at, 1)).map((rest) => [first, ...rest]);
  });
}

const orders = ordersOf([failure, failure, success, success]);
const storages = { memory: () => memoryStorage(), SQLite: () => sqliteStorage(":memory:") };

for (const [name, open] of Object.entries(storages)) {
  test(`failed, then succeeded; and the reverse: each sent twice, in all orders, worked through at any time, the same final state on ${name}`, async () => {
    for (const order of orders) {
      for (let drains = 0; drains < 2 ** order.length; drains++) {
        const done: string[] = [];
        const { send, storage, receiver } = setUp({
          storage: open(),
          role: "receiver",
          processors: { a: ({ event }) => done.push(event) },
        });
        for (const [index, payload] of order.entries()) {
          expect((await send(payload)).status).toBe(200);
          if (drains & 2 ** index) await receiver.drain();
        }
        await receiver.drain();
        const { events } = await storage.list({ limit: 10 });
        const states = events.map(({ event, state, duplicates }) => [event, state, duplicates]);
        expect(states.sort()).toEqual([
          ["job.failed", "superseded", 1],
          ["job.succeeded", "accepted", 1],
        ]);
        // The failure may be handed on while it is all that is known, never later, and each once.
        expect([["job.succeeded"], ["job.failed", "job.succeeded"]]).toContainEqual(done);
        await storage.close();
      }
    }
  });
}
