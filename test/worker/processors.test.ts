import {
  PermanentError,
  type ProcessorContext,
  RetryLater,
  transactional,
  type WebhookEvent,
} from "imggo-webhooks";
import { expect, test } from "vitest";
import { nothing, setUp } from "../support/worker-under-test.ts";

test("a worker hands the canonical event to each processor", async () => {
  const events: WebhookEvent[] = [];
  const take = (event: WebhookEvent) => events.push(event);
  const { worker, accept } = setUp({ processors: { a: take, b: take } });
  await accept({ jobId: "j-1", receivedAt: Date.UTC(2026, 0, 1) });
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 2 });
  const canonical = {
    event: "job.succeeded",
    data: { job_id: "j-1", pattern_id: null, status: "succeeded", result: { total: 12.5 } },
    timestamp: "2026-01-01T00:00:00.000Z",
  };
  expect(events).toEqual([canonical, canonical]);
});

test("a worker gives each attempt an event of its own, whatever another did to it", async () => {
  const totals: unknown[] = [];
  const { worker, accept } = setUp({
    processors: {
      a: ({ data }) => {
        const result = data["result"] as { total: number };
        totals.push(result.total);
        result.total = -1;
        throw new Error("again");
      },
    },
    options: { maxAttempts: 2, backoff: { firstMs: 0 } },
  });
  await accept();
  await worker.drain();
  expect(totals).toEqual([12.5, 12.5]);
});

test("a worker repeats no processor because another one fails", async () => {
  const runs: Record<string, number> = { steady: 0, flaky: 0, hopeless: 0 };
  const { worker, accept, delivery } = setUp({
    processors: {
      steady: () => {
        runs["steady"]!++;
      },
      flaky: () => {
        if (++runs["flaky"]! < 3) throw new Error("not yet");
      },
      hopeless: () => {
        runs["hopeless"]!++;
        throw new PermanentError("never");
      },
    },
    options: { backoff: { firstMs: 0 } },
  });
  const id = await accept();
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 2, retry: 2, dead: 1 });
  expect(runs).toEqual({ steady: 1, flaky: 3, hopeless: 1 });
  expect(await delivery(id, "steady")).toMatchObject({ state: "succeeded", attempts: 1 });
  expect(await delivery(id, "flaky")).toMatchObject({ state: "succeeded", attempts: 3 });
  expect(await delivery(id, "hopeless")).toMatchObject({ state: "dead", attempts: 1 });
  expect(await worker.drain()).toEqual(nothing);
});

test("a worker takes whatever a processor returns as success", async () => {
  const { worker, accept } = setUp({
    processors: { a: () => undefined, b: () => false, c: () => Promise.resolve(new Error("x")) },
  });
  await accept();
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 3 });
});

test("a worker leaves deliveries of processors alone that it does not have", async () => {
  const { worker, accept, delivery } = setUp({ processors: { a: () => {} } });
  const id = await accept({ processors: ["a", "gone"] });
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 1 });
  expect(await delivery(id, "gone")).toMatchObject({ state: "pending", attempts: 0 });
});

test("a worker tells a processor all that its context promises", async () => {
  const contexts: ProcessorContext[] = [];
  const { worker, accept, storage, advance, log } = setUp({
    processors: {
      a: (_event, context) => {
        contexts.push(context);
        context.log.info("working", { step: 1 });
        if (contexts.length === 1) throw new RetryLater(0);
      },
    },
    options: { leaseMs: 1_000 },
  });
  const receivedAt = Date.UTC(2026, 0, 1, 11, 59, 59, 7);
  const id = await accept({ receivedAt });
  await worker.drain();
  expect(contexts).toMatchObject([{ id, attempt: 1, fence: 1 }, { id, attempt: 2, fence: 2 }]);
  for (const { receivedAt: at, signal } of contexts) {
    expect(at).toEqual(new Date(receivedAt));
    expect(signal.aborted).toBe(false);
  }
  expect(log.of("working")).toMatchObject([
    { level: "info", id, processor: "a", attempt: 1, step: 1 },
    { level: "info", id, processor: "a", attempt: 2, step: 1 },
  ]);

  // The fence grows after an attempt whose process died, too.
  const second = await accept();
  await storage.claim({ processors: ["a"], limit: 1, leaseMs: 1_000, maxAttempts: 8 });
  advance(1_000);
  await worker.drain();
  expect(contexts[2]).toMatchObject({ id: second, attempt: 2, fence: 2 });
});

test("a worker gives up on stored bytes that are no event any more", async () => {
  let runs = 0;
  const { worker, accept, delivery } = setUp({ processors: { a: () => runs++ } });
  const id = await accept({ body: new TextEncoder().encode("{}") });
  expect(await worker.drain()).toEqual({ ...nothing, dead: 1 });
  expect(await delivery(id)).toMatchObject({ state: "dead", attempts: 1 });
  expect(runs).toBe(0);
});

test("a worker leaves what is transactional to the storage, and nothing else", async () => {
  const completed: string[] = [];
  const { worker, accept, delivery } = setUp({
    processors: {
      plain: () => {},
      recorded: transactional(() => {}),
      fenced: transactional(() => {}),
    },
    faulty: ({ settle }) => ({
      async complete(lease, work) {
        completed.push(lease.processor);
        await work({});
        return lease.processor === "recorded" && await settle(lease, { kind: "succeeded" });
      },
    }),
  });
  const id = await accept();
  expect(await worker.drain()).toEqual({ ...nothing, succeeded: 2, lost: 1 });
  expect(completed.sort()).toEqual(["fenced", "recorded"]);
  expect((await delivery(id, "fenced"))?.state).toBe("running");
});
