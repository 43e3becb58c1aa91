import type { Processor } from "imggo-webhooks";
import { expect, test, vi } from "vitest";
import { createGate } from "../support/gate.ts";
import { createQueue } from "../support/queue.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { signedRequest } from "../support/signed-request.ts";
import { failure, success } from "../support/wire.ts";

const processors: Record<string, Processor> = { a: () => {} };

test("fetch() notifies of what it stored and processes nothing, until drain() is called", async () => {
  const notified: string[] = [];
  const claim = vi.fn();
  const { send, receiver, storage } = setUp({
    processors,
    notify: (id) => Promise.resolve(notified.push(id)),
    faulty: (real) => ({
      claim(request) {
        claim();
        return real.claim(request);
      },
    }),
  });
  const { body } = await send(success);
  expect(notified).toEqual([body["id"]]);
  expect(claim).not.toHaveBeenCalled();
  expect(await receiver.drain()).toMatchObject({ succeeded: 1 });
  expect(await storage.get(body["id"] as string))
    .toMatchObject({ deliveries: [{ state: "succeeded" }] });
});

test("fetch() of a receiver of role receiver notifies", async () => {
  const notify = vi.fn(async () => {});
  const { send } = setUp({ processors, notify, role: "receiver" });
  const { body } = await send(success);
  expect(notify.mock.calls).toEqual([[body["id"]]]);
});

test("fetch() notifies of a duplicate as of its first, whose notification may be lost", async () => {
  const notify = vi.fn(async () => {});
  const { send } = setUp({ processors, notify });
  const { body } = await send(success);
  expect((await send(success)).body).toEqual({ status: "duplicate", id: body["id"] });
  expect(notify.mock.calls).toEqual([[body["id"]], [body["id"]]]);
});

test("fetch() does not notify where nothing is to be done", async () => {
  const notify = vi.fn(async () => {});
  const { send } = setUp({ processors, notify });
  await send(success);
  expect(notify).toHaveBeenCalledTimes(1);
  await send({ ...success, event: "job.started" });
  await send("{");
  await send(failure, { "X-ImgGo-Signature": "0".repeat(64) });
  // Superseded by the success.
  await send(failure);
  expect(notify).toHaveBeenCalledTimes(1);
  await setUp({ notify }).send(success);
  expect(notify).toHaveBeenCalledTimes(1);
});

test("fetch() hands the notification to waitUntil, and answers before it ends", async () => {
  const { open, opened } = createGate();
  const { receiver } = setUp({ processors, notify: () => opened });
  const handed: Promise<unknown>[] = [];
  const context = { waitUntil: (promise: Promise<unknown>) => handed.push(promise) };
  const response = await receiver.fetch(await signedRequest(success), {}, context);
  expect(response.status).toBe(200);
  expect(handed).toHaveLength(1);
  let ended = false;
  const end = handed[0]?.then(() => ended = true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(ended).toBe(false);
  open();
  await end;
});

const failures: Readonly<Record<string, () => Promise<unknown>>> = {
  rejects: () => Promise.reject(new Error("the queue is away")),
  throws: () => {
    throw new Error("the queue is away");
  },
};
for (const [how, notify] of Object.entries(failures)) {
  test(`fetch() answers where notify ${how}, logs it, and the event is there`, async () => {
    const { receiver, log, storage } = setUp({ processors, notify });
    const handed: Promise<unknown>[] = [];
    const context = { waitUntil: (promise: Promise<unknown>) => handed.push(promise) };
    const response = await receiver.fetch(await signedRequest(success), {}, context);
    const { id } = await response.json();
    expect(response.status).toBe(200);
    await Promise.all(handed);
    expect(log.of("notify failed")).toMatchObject([
      { level: "error", id, error: "Error: the queue is away" },
    ]);
    expect(await receiver.drain()).toMatchObject({ succeeded: 1 });
    expect(await storage.get(id)).toMatchObject({ deliveries: [{ state: "succeeded" }] });
  });
}

test("start() works, where it is asked to, beside notify", async () => {
  const events = createQueue<string>();
  const { receiver, send, storage } = setUp({
    processors: { a: (_event, { id }) => events.push(id) },
    notify: async () => {},
  });
  const { body } = await send(success);
  await new Promise((resolve) => setImmediate(resolve));
  expect(await storage.get(body["id"] as string))
    .toMatchObject({ deliveries: [{ state: "pending" }] });
  receiver.start();
  expect(await events.next()).toBe(body["id"]);
});
