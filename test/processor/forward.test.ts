import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from "node:http";
import type { AddressInfo } from "node:net";
import {
  forward,
  type ForwardOptions,
  PermanentError,
  type Processor,
  type ProcessorContext,
  RetryLater,
  verifySignature,
  type WebhookEvent,
} from "imggo-webhooks";
import { afterEach, expect, test } from "vitest";
import { silentLogger } from "../../src/logger.ts";
import { createQueue } from "../support/queue.ts";

const secret = "a secret for the target";

const event: WebhookEvent = {
  event: "job.succeeded",
  data: {
    job_id: "j-1",
    pattern_id: "p-1",
    status: "succeeded",
    result: { text: "Käse \u{1f511}\u2028", total: 12.5 },
    confidence: 0.97,
  },
  timestamp: "2026-01-15T10:30:00Z",
};

const context: ProcessorContext = {
  id: "evt_01kex0000000000000000000000",
  attempt: 3,
  fence: 5,
  signal: new AbortController().signal,
  receivedAt: new Date(0),
  log: silentLogger,
};

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});

interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A server on a free port. It keeps what it is sent, and answers as it is told. */
async function startServer(answer: RequestListener = (_, response) => response.end()) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const body = Uint8Array.from(Buffer.concat(await request.toArray()));
    const { method, url: path, headers } = request;
    received.push({ method, path, headers, body });
    answer(request, response);
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { received, url: `http://127.0.0.1:${port}/hook?key=1`, port };
}

const answering = (status: number, headers: Record<string, string> = {}) =>
  startServer((_, response) => response.writeHead(status, headers).end("what it says"));

async function run(processor: Processor, more: Partial<ProcessorContext> = {}): Promise<void> {
  await processor(event, { ...context, ...more });
}

/** What forwarding fails with. */
async function failure(
  options: ForwardOptions,
  more: Partial<ProcessorContext> = {},
): Promise<Error> {
  const thrown: unknown = await run(forward({ allowPrivate: true, ...options }), more)
    .then(() => undefined, (error: unknown) => error);
  if (thrown instanceof Error) return thrown;
  throw new Error("expected an Error", { cause: thrown });
}

test("forward() POSTs the canonical event as JSON, with the event's id and the attempt", async () => {
  const { url, received } = await startServer();
  await run(forward({ url, allowPrivate: true }));
  expect(received).toHaveLength(1);
  const { method, path, headers, body } = received[0]!;
  expect(method).toBe("POST");
  expect(path).toBe("/hook?key=1");
  expect(JSON.parse(new TextDecoder().decode(body))).toEqual(event);
  expect(headers).toMatchObject({
    "content-type": "application/json",
    "idempotency-key": context.id,
    "x-webhook-attempt": "3",
    "user-agent": "imggo-webhooks",
  });
  expect(headers).not.toHaveProperty("authorization");
});

test("forward() signs the body that it sends, in ImgGo's form", async () => {
  const { url, received } = await startServer();
  const processor = forward({ url, secret, allowPrivate: true });
  await run(processor);
  await run(processor);
  expect(received).toHaveLength(2);
  for (const { headers, body } of received) {
    const signature = headers["x-imggo-signature"] as string;
    expect(signature).toMatch(/^sha256=[0-9a-f]{64}$/);
    expect(await verifySignature(body, signature, secret)).toBe(body);
  }
});

test("forward() signs nothing without a secret", async () => {
  const { url, received } = await startServer();
  await run(forward({ url, allowPrivate: true }));
  expect(received[0]!.headers).not.toHaveProperty("x-imggo-signature");
});

test("forward() takes a URL object, and is not changed with it", async () => {
  const { url, received } = await startServer();
  const target = new URL(url);
  const processor = forward({ url: target, allowPrivate: true });
  target.pathname = "/elsewhere";
  await run(processor);
  expect(received[0]!.path).toBe("/hook?key=1");
});

for (const status of [200, 201, 202, 204, 299]) {
  test(`forward() takes ${status} as success`, async () => {
    const { url, received } = await answering(status);
    await run(forward({ url, allowPrivate: true }));
    expect(received).toHaveLength(1);
  });
}

for (const status of [400, 401, 403, 404, 408, 422, 429, 500, 502, 503]) {
  test(`forward() fails on ${status}, to be tried again`, async () => {
    const { url, received } = await answering(status);
    const error = await failure({ url });
    expect(error.name).toBe("Error");
    expect(error.message).toContain(String(status));
    expect(error.message).not.toContain("what it says");
    expect(received).toHaveLength(1);
  });
}

test("forward() gives up for good on 410", async () => {
  const { url } = await answering(410, { "Retry-After": "5" });
  const error = await failure({ url });
  expect(error).toBeInstanceOf(PermanentError);
  expect(error.message).toContain("410");
});

const day = 24 * 3_600_000;
const delays: Record<string, number> = {
  "120": 120_000,
  "86400": day,
  "86401": day,
  [`1${"0".repeat(300)}`]: day,
  "Fri, 31 Dec 9999 23:59:59 GMT": day,
};

for (const [header, afterMs] of Object.entries(delays)) {
  test(`forward() waits ${afterMs} ms for Retry-After: ${header.slice(0, 40)}`, async () => {
    for (const status of [429, 503]) {
      const { url } = await answering(status, { "Retry-After": header });
      const error = await failure({ url });
      expect(error).toBeInstanceOf(RetryLater);
      expect(error).toMatchObject({ afterMs });
      expect(error.message).toContain(String(status));
    }
  });
}

test("forward() waits until the date in Retry-After", async () => {
  const date = new Date(Date.now() + 90_000).toUTCString();
  const { url } = await answering(503, { "Retry-After": date });
  const { afterMs } = await failure({ url }) as RetryLater;
  // The header has whole seconds, and the request takes its time.
  expect(afterMs).toBeGreaterThan(80_000);
  expect(afterMs).toBeLessThanOrEqual(90_000);
});

for (const header of ["soon", "-5", "1.5", "", "0", "Wed, 21 Oct 2015 07:28:00 GMT"]) {
  test(`forward() goes by its own backoff for Retry-After: ${JSON.stringify(header)}`, async () => {
    const { url } = await answering(503, { "Retry-After": header });
    expect((await failure({ url })).name).toBe("Error");
  });
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`forward() does not follow a redirect: ${status}`, async () => {
    const elsewhere = await startServer();
    const { url, received } = await answering(status, { Location: elsewhere.url });
    const error = await failure({ url });
    expect(error.message).toMatch(/redirect|30\d/);
    expect(received).toHaveLength(1);
    expect(elsewhere.received).toEqual([]);
  });
}

test("forward() gives up waiting for an answer after its time", async () => {
  const { url, received } = await startServer(() => {});
  const error = await failure({ url, timeoutMs: 50 });
  expect(error.name).toBe("TimeoutError");
  expect(received).toHaveLength(1);
});

test("forward() ends with the signal of its attempt", async () => {
  const arrived = createQueue<undefined>();
  const { url } = await startServer(() => arrived.push(undefined));
  const controller = new AbortController();
  const failing = failure({ url }, { signal: controller.signal });
  await arrived.next();
  controller.abort(Object.assign(new Error("The worker stops."), { name: "StoppedError" }));
  expect((await failing).name).toBe("StoppedError");
});

for (const status of [200, 500]) {
  test(`forward() does not wait for the end of a ${status}'s endless body, and closes it`, async () => {
    const closed = createQueue<undefined>();
    const { url } = await startServer((_, response) => {
      response.writeHead(status);
      const write = () => {
        while (!response.destroyed && response.write("x".repeat(65_536)));
      };
      response.on("drain", write).on("close", () => closed.push(undefined));
      write();
    });
    const forwarding = run(forward({ url, allowPrivate: true }));
    if (status === 200) await forwarding;
    else await expect(forwarding).rejects.toThrow("500");
    await closed.next();
  });
}

test("forward() fails when nobody listens, and says nothing of credentials", async () => {
  const { port } = await startServer();
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, "close");
  }
  const url = `http://canary-user:canary-password@127.0.0.1:${port}/`;
  const error = await failure({ url });
  const cause = error.cause as Error | undefined;
  expect(`${error.stack} ${error.message} ${cause?.message} ${cause?.stack}`)
    .not.toContain("canary");
});

test("forward() sends credentials of the URL as a header, and not in any error", async () => {
  const { port, received } = await answering(500);
  const url = `http://canary-us%40er:canary-p%C3%A4ss%3A@127.0.0.1:${port}/`;
  const error = await failure({ url });
  const expected = Buffer.from("canary-us@er:canary-päss:", "utf8").toString("base64");
  expect(received[0]!.headers.authorization).toBe(`Basic ${expected}`);
  expect(`${error.message} ${error.stack}`).not.toContain("canary");
});

test("forward() takes a % in the URL's password that begins no escape", async () => {
  const { port, received } = await startServer();
  await run(forward({ url: `http://user:100%@127.0.0.1:${port}/`, allowPrivate: true }));
  expect(received[0]!.headers.authorization).toBe(`Basic ${btoa("user:100%")}`);
});

test("forward() uses the fetch that it is given", async () => {
  const requests: Request[] = [];
  const processor = forward({
    url: "https://example.com/hook",
    fetch: (input, init) => {
      requests.push(new Request(input, init));
      return Promise.resolve(new Response(null, { status: 204 }));
    },
  });
  await run(processor);
  expect(requests).toHaveLength(1);
  expect(requests[0]!.redirect).toBe("manual");
  expect(await requests[0]!.json()).toEqual(event);
});

test("forward() takes a success as one even where its body cannot be cancelled", async () => {
  const body = () =>
    new ReadableStream({ cancel: () => Promise.reject(new Error("connection reset")) });
  await run(forward({
    url: "https://example.com/hook",
    fetch: () => Promise.resolve(new Response(body(), { status: 200 })),
  }));
});

const refusedTargets = [
  "http://example.com/canary",
  "http://127.0.0.1/canary",
  "https://127.0.0.1/canary",
  "https://127.1/canary",
  "https://169.254.169.254/latest/meta-data/canary",
  "https://[::ffff:127.0.0.1]/canary",
  "https://[::ffff:a9fe:a9fe]/canary",
  "https://2130706433/canary",
  "https://0x7f.1/canary",
  "https://0177.0.0.1/canary",
  "https://10.0.0.1/canary",
  "https://172.16.0.1/canary",
  "https://172.31.255.255/canary",
  "https://192.168.1.1/canary",
  "https://[::1]/canary",
  "https://[fe80::1]/canary",
  "https://[fc00::1]/canary",
  "https://localhost/canary",
  "https://localhost./canary",
  "https://LOCALHOST:8443/canary",
  "https://metadata.google.internal/canary",
  "https://printer.local/canary",
  "https://intranet/canary",
  "https://canary:canary@10.0.0.1/",
  "https://example.com@127.0.0.1/canary",
];

for (const url of refusedTargets) {
  test(`forward() refuses ${url} unless private targets are allowed`, () => {
    let message = "";
    try {
      forward({ url });
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError);
      message = (error as Error).message;
    }
    expect(message).toContain("expected");
    expect(message).not.toContain("canary");
    expect(() => forward({ url, allowPrivate: true })).not.toThrow();
  });
}

for (
  const url of [
    "https://example.com/hook",
    "https://example.com:8443/hook",
    "https://user:password@example.com/hook",
    "https://1.1.1.1/hook",
    "https://172.32.0.1/hook",
    "https://[2606:4700:4700::1111]/hook",
  ]
) {
  test(`forward() takes ${url}`, () => {
    expect(forward({ url })).toBeTypeOf("function");
  });
}

for (const url of ["", "canary", "/canary", "//example.com/canary", "ftp://example.com/canary"]) {
  test(`forward() refuses ${JSON.stringify(url)}, private targets allowed or not`, () => {
    for (const allowPrivate of [false, true]) {
      let thrown: unknown;
      try {
        forward({ url, allowPrivate });
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(TypeError);
      expect((thrown as Error).message).toContain("expected");
      expect((thrown as Error).message).not.toContain("canary");
    }
  });
}

for (const weak of ["", "                ", "canary-15-chars", "canary-canary-canary\n"]) {
  test(`forward() refuses the secret ${JSON.stringify(weak)}, and does not repeat it`, () => {
    const options = { url: "https://example.com/", secret: weak };
    expect(() => forward(options)).toThrow(TypeError);
    expect(() => forward(options)).toThrow(/expected(?!.*canary)/s);
  });
}

test("forward() gives up on a result that is nested too deep to be written", async () => {
  const deep = JSON.parse(`${"[".repeat(400_000)}${"]".repeat(400_000)}`);
  const nested = { ...event, data: { ...event.data, result: deep } } as WebhookEvent;
  const sending = forward({ url: "https://example.com/hook" })(nested, context);
  await expect(sending).rejects.toBeInstanceOf(PermanentError);
});
