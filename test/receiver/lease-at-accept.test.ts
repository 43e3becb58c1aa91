import { expect, test, vi } from "vitest";
import { expectRefusal, readAnswer } from "../support/answer.ts";
import { createGate } from "../support/gate.ts";
import { createQueue } from "../support/queue.ts";
import { type SetUp, setUp as setUpReceiver } from "../support/receiver-under-test.ts";
import { signedRequest } from "../support/signed-request.ts";
import { flatWithManifest, sampleJob } from "../support/wire.ts";

const bodyOf = (job_id: string) => flatWithManifest.succeeded({ ...sampleJob, job_id });

/** A receiver whose worker has found nothing due. */
async function setUp({ processors, faulty = () => ({}) }: Pick<SetUp, "processors" | "faulty">) {
  let claims = 0;
  const parts = setUpReceiver({
    processors: processors ?? {},
    faulty: (storage) => ({
      async claim(request) {
        const result = await storage.claim(request);
        claims++;
        return result;
      },
      ...faulty(storage),
    }),
  });
  parts.receiver.start();
  await vi.waitUntil(() => claims > 0);
  return { ...parts, claims: () => claims };
}

test("fetch() runs what it accepts by the lease that it took with it", async () => {
  const events = createQueue<string>();
  const { send, claims, storage } = await setUp({
    processors: { a: (event) => events.push(event.data.job_id), b: () => {} },
  });
  const before = claims();
  for (const job of ["j-1", "j-2", "j-3"]) {
    const { body } = await send(bodyOf(job));
    expect(await events.next()).toBe(job);
    await vi.waitUntil(async () => (await storage.stats()).deliveries.running === 0);
    expect(await storage.get(body["id"] as string)).toMatchObject({
      deliveries: [{ state: "succeeded", attempts: 1 }, { state: "succeeded", attempts: 1 }],
    });
  }
  expect(claims()).toBe(before);
});

test("fetch() claims what it accepts where the storage takes no lease with it", async () => {
  const events = createQueue<string>();
  const { send, claims } = await setUp({
    processors: { a: (event) => events.push(event.data.job_id) },
    faulty: ({ accept }) => ({ accept: (event, signal) => accept(event, signal) }),
  });
  const before = claims();
  await send(bodyOf("j-1"));
  expect(await events.next()).toBe("j-1");
  expect(claims()).toBeGreaterThan(before);
});

test("fetch() gives the room back where nothing is stored, or nothing new", async () => {
  let failing = false;
  const events = createQueue<string>();
  const { send, claims } = await setUp({
    processors: { a: (event) => events.push(event.data.job_id) },
    faulty: ({ accept }) => ({
      accept: (...of) => failing ? Promise.reject(new Error("full")) : accept(...of),
    }),
  });
  await send(bodyOf("j-1"));
  for (let count = 0; count < 12; count++) await send(bodyOf("j-1"));
  failing = true;
  for (let count = 0; count < 12; count++) {
    expect((await send(bodyOf("j-2"))).status).toBe(503);
  }
  failing = false;
  await events.next();
  // The duplicates made the worker ask; nothing else has to.
  const before = claims();
  for (const job of ["j-3", "j-4"]) {
    await send(bodyOf(job));
    expect(await events.next()).toBe(job);
  }
  expect(claims()).toBe(before);
});

test("fetch() answers before the processors of what it accepted begin", async () => {
  const order = createQueue<string>();
  const { receiver } = await setUp({ processors: { a: () => order.push("began") } });
  const answering = receiver.fetch(await signedRequest(bodyOf("j-1")));
  answering.then(() => order.push("answered"));
  expect(await order.take(2)).toEqual(["answered", "began"]);
});

test("fetch() gives back what was claimed by a commit that comes after its answer", async () => {
  const { open, opened } = createGate();
  const asked = createQueue<undefined>();
  let runs = 0;
  const { receiver, storage } = await setUp({
    processors: { a: () => void runs++ },
    faulty: ({ accept }) => ({
      async accept(...of) {
        asked.push(undefined);
        await opened;
        return await accept(...of);
      },
    }),
  });
  const request = await signedRequest(bodyOf("j-1"));
  vi.useFakeTimers();
  const answering = receiver.fetch(request);
  await asked.next();
  await vi.advanceTimersByTimeAsync(4_500);
  expectRefusal(await readAnswer(await answering), 503, "storage_unavailable");
  vi.useRealTimers();
  open();
  await vi.waitUntil(async () => (await storage.stats()).deliveries.pending === 1);
  const { events: [event] } = await storage.list({ limit: 1 });
  expect(event?.deliveries).toMatchObject([{ state: "pending", attempts: 0 }]);
  expect(await storage.attempts(event?.id ?? "")).toMatchObject([{ state: "released" }]);
  expect(runs).toBe(0);
});
