import fc from "fast-check";
import { WebhookError } from "imggo-webhooks";
import { expect, test } from "vitest";
import { readBody } from "../src/body.ts";

const limits = { maxBytes: 1_000, timeoutMs: 10_000 };

interface Post {
  readonly body?: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | null;
  readonly headers?: Record<string, string>;
}

function post({ body = null, headers = {} }: Post): Request {
  // Some runtimes insist on `duplex` for a stream, and TypeScript's library does not know it yet.
  const init: RequestInit & { duplex: "half" } = { method: "POST", body, headers, duplex: "half" };
  return new Request("http://localhost/webhook", init);
}

/** A stream of these chunks, which then ends, or breaks off with an error. */
function streamOf(chunks: readonly Uint8Array[], error?: Error): ReadableStream<Uint8Array> {
  const rest = [...chunks];
  return new ReadableStream({
    pull(controller) {
      const chunk = rest.shift();
      if (chunk !== undefined) controller.enqueue(chunk);
      else if (error === undefined) controller.close();
      else controller.error(error);
    },
  });
}

/** A stream of chunks that never ends, and whether it was cancelled. */
function endless(pull: () => Uint8Array | undefined) {
  let cancel: () => void;
  const cancelled = new Promise<void>((resolve) => cancel = resolve);
  let chunks = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      chunks++;
      const chunk = pull();
      if (chunk !== undefined) controller.enqueue(chunk);
      // Nothing more comes, until it is cancelled.
      else await cancelled;
    },
    cancel: () => cancel(),
  }, { highWaterMark: 0 });
  return { body, cancelled, chunks: () => chunks };
}

async function refusal(reading: Promise<unknown>): Promise<WebhookError> {
  const error: unknown = await reading.then(() => undefined, (reason: unknown) => reason);
  if (error instanceof WebhookError) return error;
  throw new Error("expected a WebhookError", { cause: error });
}

const filled = (size: number) => new Uint8Array(size).fill(120);

for (const size of [0, 1, 999, 1_000]) {
  test(`readBody() reads ${size} bytes under a limit of 1,000`, async () => {
    expect((await readBody(post({ body: filled(size) }), limits)).byteLength).toBe(size);
    const streamed = await readBody(post({ body: streamOf([filled(size)]) }), limits);
    expect(streamed.byteLength).toBe(size);
  });
}

test("readBody() refuses 1,001 bytes under a limit of 1,000", async () => {
  const whole = post({ body: filled(1_001) });
  expect((await refusal(readBody(whole, limits))).code).toBe("payload_too_large");
  const chunked = post({ body: streamOf([filled(1_000), filled(1)]) });
  const error = await refusal(readBody(chunked, limits));
  expect(error.code).toBe("payload_too_large");
  expect(error.status).toBe(413);
});

test("readBody() counts what comes where Content-Length says less", async () => {
  const { body, cancelled, chunks } = endless(() => filled(100));
  const request = post({ body, headers: { "Content-Length": "5" } });
  expect((await refusal(readBody(request, limits))).code).toBe("payload_too_large");
  await cancelled;
  expect(chunks()).toBeLessThanOrEqual(12);
});

test("readBody() counts what comes where there is no Content-Length", async () => {
  const { body, cancelled, chunks } = endless(() => filled(100));
  expect((await refusal(readBody(post({ body }), limits))).code).toBe("payload_too_large");
  await cancelled;
  expect(chunks()).toBeLessThanOrEqual(12);
});

test("readBody() refuses a huge Content-Length before it reads anything", async () => {
  for (const length of ["1001", "999999999999999999999", "9".repeat(400)]) {
    const { body, chunks } = endless(() => filled(1));
    const request = post({ body, headers: { "Content-Length": length } });
    expect((await refusal(readBody(request, limits))).code).toBe("payload_too_large");
    expect(chunks()).toBe(0);
    expect(request.bodyUsed).toBe(false);
  }
});

test("readBody() goes by the count where Content-Length is no number or below nothing", async () => {
  for (const length of ["many", "-1", ""]) {
    const request = post({ body: streamOf([filled(10)]), headers: { "Content-Length": length } });
    expect((await readBody(request, limits)).byteLength).toBe(10);
    const tooLarge = post({
      body: streamOf([filled(1_001)]),
      headers: { "Content-Length": length },
    });
    expect((await refusal(readBody(tooLarge, limits))).code).toBe("payload_too_large");
  }
});

test("readBody() gives up on a body that never ends, and cancels it", async () => {
  let sent = 0;
  const { body, cancelled } = endless(() => sent++ === 0 ? filled(10) : undefined);
  const error = await refusal(readBody(post({ body }), { ...limits, timeoutMs: 20 }));
  expect(error.code).toBe("body_timeout");
  expect(error.status).toBe(408);
  await cancelled;
});

test("readBody() gives up on a body of which nothing comes, and cancels it", async () => {
  const { body, cancelled } = endless(() => undefined);
  const error = await refusal(readBody(post({ body }), { ...limits, timeoutMs: 20 }));
  expect(error.code).toBe("body_timeout");
  await cancelled;
});

test("readBody() gives up on a body that drips: its deadline is for the whole of it", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (!cancelled) controller.enqueue(filled(1));
    },
    cancel: () => {
      cancelled = true;
    },
  });
  const error = await refusal(readBody(post({ body }), { ...limits, timeoutMs: 60 }));
  expect(error.code).toBe("body_timeout");
  expect(cancelled).toBe(true);
});

test("readBody() does not wait for a stream that never answers its cancellation", async () => {
  const body = new ReadableStream<Uint8Array>({
    pull: () => new Promise(() => {}),
    cancel: () => new Promise(() => {}),
  });
  const error = await refusal(readBody(post({ body }), { ...limits, timeoutMs: 20 }));
  expect(error.code).toBe("body_timeout");
});

test("readBody() refuses a body that breaks off, and keeps the cause", async () => {
  const cause = new Error("connection reset");
  const error = await refusal(readBody(post({ body: streamOf([filled(10)], cause) }), limits));
  expect(error.code).toBe("body_timeout");
  expect(error.cause).toBe(cause);
});

test("readBody() reads a request without a body as no bytes", async () => {
  expect([...await readBody(post({ body: null }), limits)]).toEqual([]);
});

test("readBody() says what to do about a body that was already read", async () => {
  const request = post({ body: filled(10) });
  await request.arrayBuffer();
  await expect(readBody(request, limits)).rejects.toThrow(TypeError);
  await expect(readBody(request, limits)).rejects.toThrow("before any body parser");
});

test("readBody() joins ten thousand chunks", async () => {
  const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => index);
  const chunks = Array.from(bytes, (byte) => Uint8Array.of(byte));
  const read = await readBody(post({ body: streamOf(chunks) }), { ...limits, maxBytes: 10_000 });
  expect(read).toEqual(bytes);
});

test("readBody() gives bytes of its own, not the stream's", async () => {
  const chunk = filled(3);
  const read = await readBody(post({ body: streamOf([chunk]) }), limits);
  chunk.fill(0);
  expect([...read]).toEqual([120, 120, 120]);
});

test("readBody() gives the same bytes however they are cut into chunks", async () => {
  const bytesAndCuts = fc.uint8Array({ maxLength: 500 }).chain((bytes) =>
    fc.tuple(fc.constant(bytes), fc.array(fc.nat(bytes.length), { maxLength: 20 }))
  );
  await fc.assert(fc.asyncProperty(bytesAndCuts, async ([bytes, cuts]) => {
    const bounds = [0, ...cuts.sort((a, b) => a - b), bytes.length];
    const chunks = bounds.slice(1).map((end, index) => bytes.slice(bounds[index], end));
    const read = await readBody(post({ body: streamOf(chunks) }), limits);
    expect([...read]).toEqual([...bytes]);
  }));
});

test("readBody() accepts a body exactly when its bytes are within the limit", async () => {
  const sizes = fc.array(fc.nat(400), { maxLength: 6 });
  await fc.assert(fc.asyncProperty(sizes, fc.nat(1_000), async (chunks, maxBytes) => {
    const size = chunks.reduce((sum, each) => sum + each, 0);
    const reading = readBody(post({ body: streamOf(chunks.map(filled)) }), { ...limits, maxBytes });
    if (size <= maxBytes) expect((await reading).byteLength).toBe(size);
    else expect((await refusal(reading)).code).toBe("payload_too_large");
  }));
});
