import { createReceiver } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { describe, expect, test, vi } from "vitest";
import { expectRefusal, readAnswer } from "../support/answer.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { secret, signedRequest, streamedRequest } from "../support/signed-request.ts";
import { success, toBytes } from "../support/wire.ts";

describe("a body", () => {
  const limit = 1_048_576;
  const ascii = JSON.stringify({ event: "job.succeeded", job_id: "j", result: null });
  const padded = (size: number) => ascii.padEnd(size, " ");

  for (const size of [limit - 1, limit]) {
    test(`fetch() takes ${size} bytes`, async () => {
      const { send } = setUp();
      expect((await send(padded(size))).status).toBe(200);
    });
  }

  test("fetch() refuses a byte more than 1 MiB, and stores nothing", async () => {
    const { send, accepted } = setUp();
    expectRefusal(await send(padded(limit + 1)), 413, "payload_too_large");
    expect(accepted).toEqual([]);
  });

  test("fetch() takes another limit", async () => {
    const size = toBytes(success).byteLength;
    expect((await setUp({ maxBodyBytes: size }).send(success)).status).toBe(200);
    expectRefusal(
      await setUp({ maxBodyBytes: size - 1 }).send(success),
      413,
      "payload_too_large",
    );
  });

  for (const maxBodyBytes of [NaN, -1]) {
    test(`createReceiver() refuses a maxBodyBytes of ${maxBodyBytes}`, () => {
      const storage = memoryStorage();
      expect(() => createReceiver({ secret, storage, maxBodyBytes })).toThrow(TypeError);
    });
  }

  for (const encoding of ["gzip", "br", "GZIP", "identity, gzip", "x"]) {
    test(`fetch() refuses Content-Encoding: ${encoding}`, async () => {
      const { send, accepted } = setUp();
      expectRefusal(
        await send(success, { "Content-Encoding": encoding }),
        415,
        "unsupported_encoding",
      );
      expect(accepted).toEqual([]);
    });
  }

  for (const encoding of ["identity", "Identity", ""]) {
    test(`fetch() takes Content-Encoding: ${JSON.stringify(encoding)}`, async () => {
      const { send } = setUp();
      expect((await send(success, { "Content-Encoding": encoding })).status).toBe(200);
    });
  }

  test("fetch() answers 408 after 4 s of a body that does not come", async () => {
    const { receiver, accepted } = setUp();
    const request = await streamedRequest(success, new ReadableStream());
    vi.useFakeTimers();
    let response: Response | undefined;
    receiver.fetch(request).then((answer) => response = answer);
    await vi.advanceTimersByTimeAsync(3_999);
    expect(response).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expectRefusal(await readAnswer(response!), 408, "body_timeout");
    expect(accepted).toEqual([]);
  });

  test("fetch() answers 408 to a body that breaks off", async () => {
    const { receiver, accepted } = setUp();
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(toBytes(success).slice(0, 20));
        controller.error(new Error("connection reset"));
      },
    });
    expectRefusal(
      await readAnswer(await receiver.fetch(await streamedRequest(success, body))),
      408,
      "body_timeout",
    );
    expect(accepted).toEqual([]);
  });

  test("fetch() answers 500 in fixed words to what it cannot foresee, and logs the reason", async () => {
    const { receiver, log } = setUp();
    const request = await signedRequest(success);
    await request.text();
    const answer = await readAnswer(await receiver.fetch(request));
    expectRefusal(answer, 500, "internal_error");
    expect(answer.body["error"]).not.toContain("parser");
    expect(log.of("internal error")).toMatchObject([
      { level: "error", error: expect.stringContaining("before any body parser") },
    ]);
  });
});
