import type { Processor } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { describe, expect, test, vi } from "vitest";
import { expectRefusal, readAnswer } from "../support/answer.ts";
import { createGate } from "../support/gate.ts";
import { createQueue } from "../support/queue.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { signedRequest, webhookUrl } from "../support/signed-request.ts";
import { failure, flatWithManifest, sampleJob, success } from "../support/wire.ts";

const hour = 3_600_000;

describe("processing", () => {
  class ExecutionContext {
    #promises: Promise<unknown>[] = [];
    waitUntil(promise: Promise<unknown>): void {
      this.#promises.push(promise);
    }
    async settled(): Promise<number> {
      await Promise.all(this.#promises);
      return this.#promises.length;
    }
  }

  test("fetch() starts processing what it accepted at once", async () => {
    const events = createQueue<string>();
    const { send } = setUp({ processors: { a: (_event, { id }) => events.push(id) } });
    for (const job_id of ["j-1", "j-2"]) {
      const { body } = await send(flatWithManifest.succeeded({ ...sampleJob, job_id }));
      expect(await events.next()).toBe(body["id"]);
    }
  });

  test("fetch() starts with what an earlier process left, whatever the first request is", async () => {
    const storage = memoryStorage();
    const events = createQueue<string>();
    const processors: Record<string, Processor> = { a: (_event, { id }) => events.push(id) };
    const { body } = await setUp({ storage, processors, role: "receiver" }).send(success);
    const { receiver } = setUp({ storage, processors });
    await receiver.fetch(new Request("http://localhost/healthz"));
    expect(await events.next()).toBe(body["id"]);
  });

  test("start() starts with what an earlier process left, without a request", async () => {
    const storage = memoryStorage();
    const events = createQueue<string>();
    const processors: Record<string, Processor> = { a: (_event, { id }) => events.push(id) };
    const { body } = await setUp({ storage, processors, role: "receiver" }).send(success);
    setUp({ storage, processors }).receiver.start();
    expect(await events.next()).toBe(body["id"]);
  });

  test("fetch() answers before the processing ends", async () => {
    const { open, opened } = createGate();
    const { send } = setUp({ processors: { a: () => opened } });
    expect((await send(success)).status).toBe(200);
    open();
  });

  test("fetch() answers, and processes, also where the logger throws", async () => {
    const throws = () => {
      throw new Error("the log is full");
    };
    const logger = { debug: throws, info: throws, warn: throws, error: throws };
    const attempts = createQueue<number>();
    const { receiver, send, storage } = setUp({
      logger,
      worker: { backoff: { firstMs: 0 } },
      processors: {
        a: (_event, { attempt, log }) => {
          attempts.push(attempt);
          log.info("working");
          if (attempt === 1) throw new Error("again");
        },
      },
    });
    expect((await send("{")).status).toBe(400);
    const { status, body } = await send(success);
    expect(status).toBe(200);
    expect(await attempts.take(2)).toEqual([1, 2]);
    expect((await send(success)).body).toEqual({ status: "duplicate", id: body["id"] });
    await receiver.stop();
    const stored = await storage.get(body["id"] as string);
    expect(stored?.deliveries).toMatchObject([{ state: "succeeded", attempts: 2 }]);
  });

  test("fetch() hands the work to waitUntil where there is one", async () => {
    const { receiver, storage } = setUp({ processors: { a: () => {} } });
    const context = new ExecutionContext();
    const response = await receiver.fetch(await signedRequest(success), {}, context);
    const { body } = await readAnswer(response);
    expect(await context.settled()).toBe(1);
    const stored = await storage.get(body["id"] as string);
    expect(stored?.deliveries).toMatchObject([{ state: "succeeded", attempts: 1 }]);
  });

  test("fetch() starts nothing that goes on by itself where there is a waitUntil", async () => {
    let claims = 0;
    const { receiver } = setUp({
      processors: { a: () => {} },
      worker: { pollMs: 10 },
      faulty: ({ claim }) => ({
        claim(request) {
          claims++;
          return claim(request);
        },
      }),
    });
    vi.useFakeTimers();
    const context = new ExecutionContext();
    await receiver.fetch(await signedRequest(success), {}, context);
    await context.settled();
    const asked = claims;
    expect(asked).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(hour);
    expect(claims).toBe(asked);
  });

  test("fetch() hands nothing to waitUntil that rejects, and logs why", async () => {
    const { receiver, log } = setUp({
      processors: { a: () => {} },
      faulty: () => ({ claim: () => Promise.reject(new Error("database is locked")) }),
    });
    const context = new ExecutionContext();
    expect((await receiver.fetch(await signedRequest(success), {}, context)).status).toBe(200);
    expect(await context.settled()).toBe(1);
    expect(log.lines.filter((line) => line.includes("database is locked"))).toHaveLength(1);
  });

  test("fetch() hands nothing to waitUntil for requests that it refuses", async () => {
    const { receiver } = setUp({ processors: { a: () => {} } });
    const context = new ExecutionContext();
    await receiver.fetch(new Request(webhookUrl, { method: "POST", body: "{}" }), {}, context);
    expect(await context.settled()).toBe(0);
  });

  test("a receiver of role receiver stores and does not process", async () => {
    const claim = vi.fn();
    const { send, receiver, storage } = setUp({
      role: "receiver",
      processors: { a: () => {} },
      faulty: () => ({ claim }),
    });
    const { body } = await send(success);
    receiver.start();
    const context = new ExecutionContext();
    await receiver.fetch(await signedRequest(failure), {}, context);
    expect(await context.settled()).toBe(0);
    expect(claim).not.toHaveBeenCalled();
    expect((await storage.get(body["id"] as string))?.deliveries)
      .toMatchObject([{ processor: "a", state: "pending", attempts: 0 }]);
  });

  test("a receiver of role worker processes, answers for its health, and receives nothing", async () => {
    const storage = memoryStorage();
    const events = createQueue<string>();
    const processors: Record<string, Processor> = { a: (_event, { id }) => events.push(id) };
    const { body } = await setUp({ storage, processors, role: "receiver" }).send(success);
    const { receiver, send, accepted } = setUp({ storage, processors, role: "worker" });
    receiver.start();
    expect(await events.next()).toBe(body["id"]);
    expectRefusal(await send(failure), 404, "not_found");
    expect(accepted).toEqual([]);
    for (const path of ["healthz", "readyz"]) {
      const response = await receiver.fetch(new Request(`http://localhost/${path}`));
      expect(response.status).toBe(200);
    }
  });

  test("a receiver without processors keeps events and asks for nothing to do", async () => {
    const claim = vi.fn();
    const { send, receiver, storage } = setUp({ faulty: () => ({ claim }) });
    const { body } = await send(success);
    receiver.start();
    expect(claim).not.toHaveBeenCalled();
    expect(await storage.get(body["id"] as string))
      .toMatchObject({ state: "accepted", deliveries: [] });
  });

  test("drain() works through what is due and counts it", async () => {
    const { send, receiver } = setUp({ role: "receiver", processors: { a: () => {} } });
    await send(success);
    expect(await receiver.drain({ budgetMs: 1_000 }))
      .toEqual({ succeeded: 1, retry: 0, dead: 0, released: 0, lost: 0 });
  });

  test("stop() ends the processing; what comes later is stored and waits", async () => {
    const { send, receiver, storage } = setUp({ processors: { a: () => {} } });
    receiver.start();
    await receiver.stop();
    const { status, body } = await send(success);
    expect(status).toBe(200);
    await new Promise((resolve) => setImmediate(resolve));
    expect((await storage.get(body["id"] as string))?.deliveries)
      .toMatchObject([{ state: "pending", attempts: 0 }]);
  });

  test("a processor that fails does not change the answer", async () => {
    const failed = createQueue<undefined>();
    const { send } = setUp({
      processors: {
        a: () => {
          failed.push(undefined);
          throw new Error("database is down");
        },
      },
    });
    expect((await send(success)).status).toBe(200);
    await failed.next();
    expect((await send(success)).body["status"]).toBe("duplicate");
  });
});
