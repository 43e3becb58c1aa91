import type { Storage } from "imggo-webhooks";
import { describe, expect, test, vi } from "vitest";
import { expectRefusal, readAnswer } from "../support/answer.ts";
import { createGate } from "../support/gate.ts";
import { createQueue } from "../support/queue.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { signedRequest, streamedRequest } from "../support/signed-request.ts";
import { nested, sampleJob, success, toBytes } from "../support/wire.ts";

describe("a storage that fails", () => {
  const faults: Record<string, Storage["accept"]> = {
    "rejects": () => Promise.reject(new Error("canary: disk I/O error")),
    "rejects with no error": () => Promise.reject("canary"),
    "throws": () => {
      throw new Error("canary: not open");
    },
  };
  for (const [kind, accept] of Object.entries(faults)) {
    test(`fetch() answers 503 when the storage ${kind}`, async () => {
      const { send, log } = setUp({ faulty: () => ({ accept }) });
      for (const payload of [success, { event: "job.queued" }, "{"]) {
        const answer = await send(payload);
        expectRefusal(answer, 503, "storage_unavailable");
        expect(JSON.stringify(answer.body)).not.toContain("canary");
      }
      expect(log.of("not stored")).toHaveLength(3);
      for (const { level } of log.of("not stored")) expect(level).toBe("error");
    });
  }

  test("fetch() recovers as soon as the storage does", async () => {
    let broken = true;
    const { send } = setUp({
      faulty: ({ accept }) => ({
        accept: (event) => broken ? Promise.reject(new Error("full")) : accept(event),
      }),
    });
    expect((await send(success)).status).toBe(503);
    broken = false;
    expect((await send(success)).body["status"]).toBe("received");
  });

  test("fetch() answers 503 at 4.5 s when the storage does not, and tells it before that", async () => {
    const signals = createQueue<AbortSignal>();
    const { receiver } = setUp({
      faulty: () => ({
        accept: (_event, signal) => {
          signals.push(signal!);
          return new Promise(() => {});
        },
      }),
    });
    const request = await signedRequest(success);
    vi.useFakeTimers();
    let response: Response | undefined;
    receiver.fetch(request).then((answer) => response = answer);
    const signal = await signals.next();
    const afterMore = async (milliseconds: number) => {
      await vi.advanceTimersByTimeAsync(milliseconds);
      return { answered: response !== undefined, told: signal.aborted };
    };
    expect(await afterMore(3_999)).toEqual({ answered: false, told: false });
    expect(await afterMore(1)).toEqual({ answered: false, told: true });
    expect(await afterMore(499)).toEqual({ answered: false, told: true });
    await vi.advanceTimersByTimeAsync(1);
    expectRefusal(await readAnswer(response!), 503, "storage_unavailable");
  });

  test("fetch() answers 200 when the storage takes 4.4 s, whatever it is told", async () => {
    const asked = createQueue<undefined>();
    const { receiver } = setUp({
      faulty: ({ accept }) => ({
        async accept(event) {
          asked.push(undefined);
          await new Promise((resolve) => setTimeout(resolve, 4_400));
          return await accept(event);
        },
      }),
    });
    const request = await signedRequest(success);
    vi.useFakeTimers();
    const answering = receiver.fetch(request);
    await asked.next();
    await vi.advanceTimersByTimeAsync(4_400);
    expect((await answering).status).toBe(200);
  });

  test("fetch() answers at 4.5 s even where a slow body took most of that", async () => {
    const asked = createQueue<undefined>();
    const { receiver } = setUp({
      faulty: () => ({
        accept: () => {
          asked.push(undefined);
          return new Promise(() => {});
        },
      }),
    });
    const { open, opened } = createGate();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await opened;
        controller.enqueue(toBytes(success));
        controller.close();
      },
    });
    const request = await streamedRequest(success, body);
    vi.useFakeTimers();
    let response: Response | undefined;
    receiver.fetch(request).then((answer) => response = answer);
    await vi.advanceTimersByTimeAsync(3_900);
    open();
    await asked.next();
    await vi.advanceTimersByTimeAsync(599);
    expect(response).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(response?.status).toBe(503);
  });

  test("fetch() makes no harm of a commit that comes after its answer", async () => {
    const { open, opened } = createGate();
    const asked = createQueue<undefined>();
    const { receiver, send, storage, log } = setUp({
      faulty: ({ accept }) => ({
        async accept(event) {
          asked.push(undefined);
          await opened;
          return await accept(event);
        },
      }),
    });
    const request = await signedRequest(success);
    vi.useFakeTimers();
    const answering = receiver.fetch(request);
    await asked.next();
    await vi.advanceTimersByTimeAsync(4_500);
    expect((await answering).status).toBe(503);
    vi.useRealTimers();

    open();
    const repeat = await send(success);
    expect(repeat).toMatchObject({ status: 200, body: { status: "duplicate" } });
    const { events } = await storage.list({ limit: 10 });
    expect(events.map(({ id }) => id)).toEqual([repeat.body["id"]]);
    expect(log.of("stored after the answer")).toMatchObject([{ id: repeat.body["id"] }]);
  });

  test("fetch() answers 503 at once while a thousand events wait for the storage", async () => {
    const { open, opened } = createGate();
    const asked = createQueue<undefined>();
    const { receiver, send } = setUp({
      faulty: ({ accept }) => ({
        async accept(event) {
          asked.push(undefined);
          await opened;
          return await accept(event);
        },
      }),
    });
    const requests = await Promise.all(Array.from(
      { length: 1_000 },
      (_, index) => signedRequest(nested.succeeded({ ...sampleJob, job_id: `j-${index}` })),
    ));
    const oneMore = await signedRequest(success);
    vi.useFakeTimers();
    const answers = requests.map((request) => receiver.fetch(request));
    await asked.take(1_000);
    // No time passes: it does not wait for its turn.
    expectRefusal(await readAnswer(await receiver.fetch(oneMore)), 503, "storage_unavailable");
    expect(asked.items).toHaveLength(1_000);

    await vi.advanceTimersByTimeAsync(4_500);
    expect((await Promise.all(answers)).every(({ status }) => status === 503)).toBe(true);
    // They were answered, but still wait for the storage.
    expect((await receiver.fetch(await signedRequest(success))).status).toBe(503);
    expect(asked.items).toHaveLength(1_000);
    vi.useRealTimers();

    open();
    await new Promise((resolve) => setImmediate(resolve));
    expect((await send(success)).status).toBe(200);
  });
});
