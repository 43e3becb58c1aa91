import {
  createReceiver,
  type NewEvent,
  type Processor,
  type Receiver,
  type ReceiverOptions,
  sign,
  type Storage,
  type VerifiedBytes,
} from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { afterEach, describe, expect, test, vi } from "vitest";
import { captureLog } from "./support/captured-log.ts";
import { createQueue } from "./support/queue.ts";
import { secret, signedRequest } from "./support/signed-request.ts";
import { dialects, flatWithManifest, nested, sampleJob, toBytes } from "./support/wire.ts";

const url = "http://localhost/webhook";
const hour = 3_600_000;

const receivers: Receiver[] = [];
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await Promise.all(receivers.splice(0).map((receiver) => receiver.stop()));
});

interface SetUp extends Partial<ReceiverOptions> {
  /** Puts a fault in front of the storage that the receiver sees. */
  readonly faulty?: (storage: Storage) => Partial<Storage>;
}

/** A receiver over a storage in memory that polls for nothing by itself. */
function setUp({ faulty = () => ({}), storage = memoryStorage(), ...options }: SetUp = {}) {
  const log = captureLog();
  const accepted: NewEvent[] = [];
  const kept: Storage = {
    ...storage,
    async accept(event, signal) {
      accepted.push(event);
      return await storage.accept(event, signal);
    },
  };
  const receiver = createReceiver({
    secret,
    storage: { ...kept, ...faulty(kept) },
    logger: log.logger,
    worker: { pollMs: hour },
    ...options,
  });
  receivers.push(receiver);
  return {
    receiver,
    storage,
    /** What reached the storage. */
    accepted,
    log,
    send: async (payload: unknown, headers?: Record<string, string>) =>
      await read(await receiver.fetch(await signedRequest(payload, headers ? { headers } : {}))),
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function read(response: Response): Promise<Answer> {
  const body: Record<string, unknown> = await response.json();
  return { status: response.status, headers: response.headers, body };
}

/** Asserts an answer that refuses, whole: no field but those that belong to its code. */
function expectRefusal(answer: Answer, status: number, code: string, more: object = {}): void {
  expect(answer.body).toEqual({ error: expect.stringMatching(/^[A-Z].*\.$/), code, ...more });
  expect(answer.status).toBe(status);
  expect(answer.headers.get("Content-Type")).toMatch(/^application\/json/);
  expect(answer.headers.get("X-Request-Id")).toBeTruthy();
  const retryAfter = Number(answer.headers.get("Retry-After"));
  if (status === 503) expect(retryAfter).toBeGreaterThan(0);
  else expect(retryAfter).toBe(0);
}

const anId = expect.stringMatching(/^evt_[0-9a-z]{26}$/);

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  return { open, opened };
}

const success = flatWithManifest.succeeded(sampleJob);
const failure = flatWithManifest.failed(sampleJob);

describe("an event", () => {
  for (const [name, dialect] of Object.entries(dialects)) {
    for (const outcome of ["succeeded", "failed"] as const) {
      test(`fetch() stores a job that ${outcome} in the dialect ${name}, then answers 200`, async () => {
        const { send, storage } = setUp({ processors: { b: () => {}, a: () => {} } });
        const payload = dialect[outcome](sampleJob);
        const before = Date.now();
        const { status, headers, body } = await send(payload);
        expect(status).toBe(200);
        expect(body).toEqual({ status: "received", id: anId });
        expect(headers.get("Content-Type")).toMatch(/^application\/json/);
        expect(headers.get("X-Request-Id")).toBeTruthy();

        const id = body["id"] as string;
        const stored = await storage.get(id);
        expect(stored).toMatchObject({
          id,
          state: "accepted",
          event: `job.${outcome}`,
          jobId: sampleJob.job_id,
          patternId: sampleJob.pattern_id,
          duplicates: 0,
        });
        expect(stored?.deliveries.map(({ processor }) => processor)).toEqual(["a", "b"]);
        expect(stored?.receivedAt).toBeGreaterThanOrEqual(before);
        expect(stored?.receivedAt).toBeLessThanOrEqual(Date.now());
        expect(await storage.body(id)).toEqual(toBytes(payload));
      });
    }
  }

  test("fetch() keeps a body byte by byte: order, spaces, line ends, repeated keys, numbers", async () => {
    const { send, storage } = setUp();
    const body = '\ufeff{\r\n\t"event":"job.succeeded","job_id":"a","job_id":"b",' +
      '"result":{"n":1.0,"m":1e2,"s":"\\ud800\\u00e4ä"}}\r\n';
    const { body: answer } = await send(body);
    expect(answer).toMatchObject({ status: "received" });
    expect(await storage.body(answer["id"] as string)).toEqual(toBytes(body));
  });

  test("fetch() accepts either form and case of the signature, and either secret", async () => {
    const previous = "the secret before this one";
    const { receiver } = setUp({ secrets: [previous] });
    const body = JSON.stringify(success);
    for (const signer of [secret, previous]) {
      const signature = await sign(body, signer);
      const bare = signature.slice("sha256=".length);
      for (const form of [signature, bare, bare.toUpperCase(), `sha256=${bare.toUpperCase()}`]) {
        const headers = { "X-ImgGo-Signature": form };
        const response = await receiver.fetch(new Request(url, { method: "POST", body, headers }));
        expect(response.status).toBe(200);
      }
    }
  });

  test("fetch() needs no Content-Type and no User-Agent", async () => {
    const { send } = setUp();
    expect(await send(success, { "Content-Type": "text/plain", "User-Agent": "" }))
      .toMatchObject({ status: 200 });
  });

  test("fetch() stores what is signed though it is not a job's end, and hands it to nobody", async () => {
    const { send, storage } = setUp({ processors: { a: () => {} } });
    const { status, body } = await send({ event: "job.queued", job_id: "j-1" });
    expect(status).toBe(200);
    expect(body).toEqual({ status: "ignored", id: anId });
    const stored = await storage.get(body["id"] as string);
    expect(stored).toMatchObject({ state: "ignored", event: "job.queued", jobId: "j-1" });
    expect(stored?.deliveries).toEqual([]);
  });
});

describe("a duplicate", () => {
  test("fetch() answers a repeat with the first one's id, and counts it", async () => {
    const { send, storage } = setUp();
    const first = await send(success);
    for (let repeat = 1; repeat <= 3; repeat++) {
      const { status, body } = await send(success);
      expect(status).toBe(200);
      expect(body).toEqual({ status: "duplicate", id: first.body["id"] });
    }
    expect(await storage.get(first.body["id"] as string)).toMatchObject({ duplicates: 3 });
    expect((await storage.list({ limit: 10 })).events).toHaveLength(1);
  });

  test("fetch() knows an event again by its job, not by its bytes: the first ones are kept", async () => {
    const { send, storage, log } = setUp();
    const first = await send(success);
    const id = first.body["id"] as string;
    const repeats = [
      flatWithManifest.succeeded({ ...sampleJob, timestamp: "2027-01-01T00:00:00Z" }),
      flatWithManifest.succeeded({ ...sampleJob, result: { total: 99 } }),
      nested.succeeded(sampleJob),
    ];
    for (const repeat of repeats) {
      expect((await send(repeat)).body).toEqual({ status: "duplicate", id });
    }
    expect(await storage.body(id)).toEqual(toBytes(success));
    expect(log.of("other bytes")).toMatchObject(repeats.map(() => ({ level: "warn", id })));
  });

  test("fetch() says nothing of other bytes where they are the same", async () => {
    const { send, log } = setUp();
    await send(success);
    await send(success);
    expect(log.of("other bytes")).toEqual([]);
  });

  test("fetch() takes a replay as a duplicate however late it comes", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 15) });
    const { send } = setUp();
    const { body: { id } } = await send(success);
    for (const later of [6 * 60_000, 2 * hour, 400 * 24 * hour]) {
      vi.setSystemTime(Date.UTC(2026, 0, 15) + later);
      expect((await send(success)).body).toEqual({ status: "duplicate", id });
    }
  });

  test("fetch() stores one event of a hundred that come at once, and answers all 200", async () => {
    const { send, storage } = setUp();
    const answers = await Promise.all(Array.from({ length: 100 }, () => send(success)));
    expect(new Set(answers.map(({ body }) => body["id"])).size).toBe(1);
    expect(answers.filter(({ body }) => body["status"] === "received")).toHaveLength(1);
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect((await storage.list({ limit: 10 })).events).toHaveLength(1);
  });

  test("fetch() answers a repeat of what was ignored with the first one's id", async () => {
    const { send } = setUp();
    const queued = { event: "job.queued", job_id: "j-1" };
    const { body: { id } } = await send(queued);
    expect((await send(queued)).body).toEqual({ status: "duplicate", id });
    expect((await send({ ...queued, job_id: "j-2" })).body["id"]).not.toBe(id);
  });

  test("fetch() tells events of two jobs apart", async () => {
    const { send } = setUp();
    const { body: { id } } = await send(success);
    const another = await send(flatWithManifest.succeeded({ ...sampleJob, job_id: "another" }));
    expect(another.body["status"]).toBe("received");
    expect(another.body["id"]).not.toBe(id);
  });
});

describe("both ends of a job", () => {
  for (const order of [[failure, success], [success, failure]]) {
    const names = order.map(({ event }) => event).join(", then ");
    test(`fetch() lets the success have the last word: ${names}`, async () => {
      const done: string[] = [];
      const { send, storage, receiver } = setUp({
        role: "receiver",
        processors: { a: ({ event }) => done.push(event) },
      });
      const ids: Record<string, string> = {};
      for (const payload of order) {
        const { status, body } = await send(payload);
        expect(status).toBe(200);
        expect(body["status"]).toBe("received");
        ids[payload["event"] as string] = body["id"] as string;
      }
      const states = await Promise.all(
        ["job.succeeded", "job.failed"].map(async (name) => (await storage.get(ids[name]!))?.state),
      );
      expect(states).toEqual(["accepted", "superseded"]);
      await receiver.drain();
      expect(done).toEqual(["job.succeeded"]);
    });
  }
});

describe("a signature", () => {
  const body = JSON.stringify(success);
  const post = (headers: Record<string, string>) =>
    new Request(url, { method: "POST", body, headers });

  test("fetch() refuses a request without a signature, and stores nothing", async () => {
    const { receiver, accepted } = setUp();
    for (const headers of [{}, { "X-ImgGo-Signature": "" }, { "X-Hub-Signature-256": "x" }]) {
      const answer = await read(
        await receiver.fetch(post({ ...headers } as Record<string, string>)),
      );
      expectRefusal(answer, 401, "missing_signature");
    }
    expect(accepted).toEqual([]);
  });

  test("fetch() refuses malformed and wrong signatures, and stores nothing", async () => {
    const { receiver, accepted } = setUp();
    const right = await sign(body, secret);
    const hex = right.slice("sha256=".length);
    const headers = [
      await sign(body, "another secret of somebody"),
      await sign(`${body} `, secret),
      hex.slice(0, 62),
      `${hex}00`,
      `sha1=${hex.slice(0, 40)}`,
      `SHA256=${hex}`,
      `${right}, ${right}`,
      "sha256=",
      "a".repeat(10_240),
    ];
    for (const header of headers) {
      const answer = await read(await receiver.fetch(post({ "X-ImgGo-Signature": header })));
      expectRefusal(answer, 401, "invalid_signature");
    }
    expect(accepted).toEqual([]);
  });

  test("fetch() refuses two signature headers, even with the right one among them", async () => {
    const { receiver, accepted } = setUp();
    const request = post({});
    request.headers.append("X-ImgGo-Signature", `sha256=${"0".repeat(64)}`);
    request.headers.append("X-ImgGo-Signature", await sign(body, secret));
    expectRefusal(await read(await receiver.fetch(request)), 401, "invalid_signature");
    expect(accepted).toEqual([]);
  });

  test("fetch() parses nothing and asks no option before the signature is checked", async () => {
    const dedupeKey = vi.fn(() => "key");
    const { receiver } = setUp({ dedupeKey });
    const forged = post({ "X-ImgGo-Signature": await sign(body, "another secret of somebody") });
    const parse = vi.spyOn(JSON, "parse");
    const response = await receiver.fetch(forged);
    expect(parse).not.toHaveBeenCalled();
    expect(dedupeKey).not.toHaveBeenCalled();
    expect(response.status).toBe(401);
    // What was watched is what a valid request goes through.
    await receiver.fetch(await signedRequest(success));
    expect(parse).toHaveBeenCalled();
    expect(dedupeKey).toHaveBeenCalled();
  });

  test("a storage accepts no bytes that were not verified: they have another type", () => {
    const unverified = new Uint8Array(0);
    // @ts-expect-error Only `verifySignature()` makes verified bytes.
    const body: VerifiedBytes = unverified;
    expect(body).toBe(unverified);
  });
});

describe("a payload that is not understood", () => {
  const invalidJson: Record<string, Uint8Array | string> = {
    "not JSON": "{'event':'job.succeeded'}\r\n",
    "not UTF-8": Uint8Array.of(0x7b, 0xff, 0x7d),
    "empty": "",
  };
  for (const [kind, payload] of Object.entries(invalidJson)) {
    test(`fetch() keeps a signed body that is ${kind}, and answers 400 with its id`, async () => {
      const { send, storage, log } = setUp({ processors: { a: () => {} } });
      const answer = await send(payload);
      expectRefusal(answer, 400, "invalid_json", { id: anId });
      const id = answer.body["id"] as string;
      expect(await storage.get(id)).toMatchObject({
        state: "quarantined",
        event: null,
        jobId: null,
        deliveries: [],
      });
      expect(await storage.body(id))
        .toEqual(typeof payload === "string" ? toBytes(payload) : payload);
      expect(log.of("quarantined")).toMatchObject([{ level: "warn", id, code: "invalid_json" }]);

      expectRefusal(await send(payload), 400, "invalid_json", { id });
      expect((await storage.list({ limit: 10 })).events).toHaveLength(1);
    });
  }

  test("fetch() keeps signed JSON of another shape, and answers 422 with its id and issues", async () => {
    const { send, storage, log } = setUp({ processors: { a: () => {} } });
    const payload = ' {"event":"job.succeeded","data":{"job_id":"","result":"canary"}}\n';
    const answer = await send(payload);
    expectRefusal(answer, 422, "invalid_payload", {
      id: anId,
      issues: [{ path: "data.job_id", message: expect.stringMatching(/^expected /) }],
    });
    const id = answer.body["id"] as string;
    expect(await storage.get(id)).toMatchObject({ state: "quarantined", deliveries: [] });
    expect(await storage.body(id)).toEqual(toBytes(payload));
    expect(log.of("quarantined")).toMatchObject([{ level: "warn", id, code: "invalid_payload" }]);

    expectRefusal(await send(payload), 422, "invalid_payload", {
      id,
      issues: answer.body["issues"],
    });
    expect((await storage.list({ limit: 10 })).events).toHaveLength(1);
  });

  test("fetch() keeps two bodies that differ in a byte apart", async () => {
    const { send } = setUp();
    const { body: { id } } = await send("{");
    expect((await send("{ ")).body["id"]).not.toBe(id);
  });

  test("fetch() stores an event after a quarantined one of the same job", async () => {
    const { send } = setUp();
    await send({ ...success, pattern_id: 7 });
    expect((await send(success)).body["status"]).toBe("received");
  });
});

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

  /** A signed request whose body is this stream. */
  async function streamed(body: ReadableStream<Uint8Array>): Promise<Request> {
    const headers = { "X-ImgGo-Signature": await sign(JSON.stringify(success), secret) };
    const init: RequestInit & { duplex: "half" } = {
      method: "POST",
      body,
      headers,
      duplex: "half",
    };
    return new Request(url, init);
  }

  test("fetch() answers 408 after 4 s of a body that does not come", async () => {
    const { receiver, accepted } = setUp();
    const request = await streamed(new ReadableStream());
    vi.useFakeTimers();
    let response: Response | undefined;
    receiver.fetch(request).then((answer) => response = answer);
    await vi.advanceTimersByTimeAsync(3_999);
    expect(response).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expectRefusal(await read(response!), 408, "body_timeout");
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
    expectRefusal(await read(await receiver.fetch(await streamed(body))), 408, "body_timeout");
    expect(accepted).toEqual([]);
  });

  test("fetch() answers 500 in fixed words to what it cannot foresee, and logs the reason", async () => {
    const { receiver, log } = setUp();
    const request = await signedRequest(success);
    await request.text();
    const answer = await read(await receiver.fetch(request));
    expectRefusal(answer, 500, "internal_error");
    expect(answer.body["error"]).not.toContain("parser");
    expect(log.of("internal error")).toMatchObject([
      { level: "error", error: expect.stringContaining("before any body parser") },
    ]);
  });
});

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

  test("fetch() answers 503 at 4.5 s when the storage does not, and tells it to give up", async () => {
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
    await vi.advanceTimersByTimeAsync(4_499);
    expect(response).toBeUndefined();
    expect(signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expectRefusal(await read(response!), 503, "storage_unavailable");
    expect(signal.aborted).toBe(true);
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
    const { open, opened } = gate();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await opened;
        controller.enqueue(toBytes(success));
        controller.close();
      },
    });
    const headers = { "X-ImgGo-Signature": await sign(JSON.stringify(success), secret) };
    const init: RequestInit & { duplex: "half" } = {
      method: "POST",
      body,
      headers,
      duplex: "half",
    };
    vi.useFakeTimers();
    let response: Response | undefined;
    receiver.fetch(new Request(url, init)).then((answer) => response = answer);
    await vi.advanceTimersByTimeAsync(3_900);
    open();
    await asked.next();
    await vi.advanceTimersByTimeAsync(599);
    expect(response).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(response?.status).toBe(503);
  });

  test("fetch() makes no harm of a commit that comes after its answer", async () => {
    const { open, opened } = gate();
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
    const { open, opened } = gate();
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
    expectRefusal(await read(await receiver.fetch(oneMore)), 503, "storage_unavailable");
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

describe("other paths and methods", () => {
  for (const method of ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
    test(`fetch() answers 405 to ${method} of the webhook`, async () => {
      const { receiver } = setUp();
      const response = await receiver.fetch(new Request(url, { method }));
      expect(response.status).toBe(405);
      expect(response.headers.get("Allow")).toBe("POST");
      expectRefusal(await read(response), 405, "method_not_allowed");
    });
  }

  const unknownPaths = ["/", "/webhooks", "/webhook/1", "/WEBHOOK", "/admin", "/metrics", "/%77x"];
  for (const path of unknownPaths) {
    test(`fetch() answers 404 at ${path}`, async () => {
      const { receiver } = setUp();
      for (const method of ["GET", "POST"]) {
        const response = await receiver.fetch(new Request(new URL(path, url), { method }));
        expectRefusal(await read(response), 404, "not_found");
      }
    });
  }

  test("fetch() receives whatever the query says", async () => {
    const { receiver, storage } = setUp();
    const request = await signedRequest(success, { url: `${url}?job_id=x&__proto__=y` });
    expect((await receiver.fetch(request)).status).toBe(200);
    expect((await storage.list({ limit: 1 })).events).toMatchObject([{ jobId: sampleJob.job_id }]);
  });

  test("GET and HEAD /healthz answer 200 whatever the storage does", async () => {
    const { receiver } = setUp({ faulty: () => ({ ping: () => Promise.reject(new Error("x")) }) });
    const at = (method: string) =>
      receiver.fetch(new Request("http://localhost/healthz", { method }));
    const get = await at("GET");
    expect(get.status).toBe(200);
    expect(await get.json()).toEqual({ status: "ok" });
    const head = await at("HEAD");
    expect(head.status).toBe(200);
    expect(head.headers.get("X-Request-Id")).toBeTruthy();
    expect(await head.text()).toBe("");
  });

  test("POST /healthz and /readyz answer 405", async () => {
    const { receiver } = setUp();
    for (const path of ["healthz", "readyz"]) {
      const response = await receiver.fetch(
        new Request(`http://localhost/${path}`, { method: "POST" }),
      );
      expect(response.headers.get("Allow")).toBe("GET, HEAD");
      expectRefusal(await read(response), 405, "method_not_allowed");
    }
  });

  const readyz = () => new Request("http://localhost/readyz");

  test("GET /readyz answers 200 when the storage answers", async () => {
    const { receiver } = setUp();
    expect(await read(await receiver.fetch(readyz())))
      .toMatchObject({ status: 200, body: { status: "ready" } });
  });

  const pings: Record<string, Storage["ping"]> = {
    "rejects": () => Promise.reject(new Error("canary")),
    "throws": () => {
      throw new Error("canary");
    },
  };
  for (const [kind, ping] of Object.entries(pings)) {
    test(`GET /readyz answers 503 when the storage ${kind}`, async () => {
      const { receiver } = setUp({ faulty: () => ({ ping }) });
      const answer = await read(await receiver.fetch(readyz()));
      expectRefusal(answer, 503, "storage_unavailable");
      expect(JSON.stringify(answer.body)).not.toContain("canary");
    });
  }

  test("GET /readyz answers 503 within 5 s when the storage does not answer", async () => {
    const { receiver } = setUp({ faulty: () => ({ ping: () => new Promise(() => {}) }) });
    vi.useFakeTimers();
    let response: Response | undefined;
    receiver.fetch(readyz()).then((answer) => response = answer);
    await vi.advanceTimersByTimeAsync(4_500);
    expectRefusal(await read(response!), 503, "storage_unavailable");
  });
});

describe("X-Request-Id", () => {
  for (const given of ["r", "req-1.2:3_4", "0af7651916cd43dd8448eb211c80319c", "x".repeat(128)]) {
    test(`fetch() keeps the one that came: ${given.slice(0, 40)}`, async () => {
      const { send, log } = setUp();
      const { headers } = await send(success, { "X-Request-Id": given });
      expect(headers.get("X-Request-Id")).toBe(given);
      expect(log.of("event received")).toMatchObject([{ request_id: given }]);
    });
  }

  for (const given of ["", "a b", "x".repeat(129), "<script>", '"quoted"', "ä", "a,b"]) {
    test(`fetch() makes one in place of ${JSON.stringify(given.slice(0, 20))}`, async () => {
      const { send, log } = setUp();
      const { headers } = await send(success, { "X-Request-Id": given });
      const made = headers.get("X-Request-Id");
      expect(made).toMatch(/^[\w-]{8,}$/);
      expect(made).not.toBe(given);
      expect(log.of("event received")).toMatchObject([{ request_id: made }]);
    });
  }

  test("fetch() makes another one for each request, and for refused ones too", async () => {
    const { receiver } = setUp();
    const ids = await Promise.all(["", "healthz", "webhook", "nowhere"].map(async (path) => {
      const response = await receiver.fetch(new Request(`http://localhost/${path}`));
      return response.headers.get("X-Request-Id");
    }));
    expect(new Set(ids).size).toBe(4);
    expect(ids).not.toContain(null);
  });
});

describe("createReceiver()", () => {
  const storage = memoryStorage();

  test("fetch() needs no this", async () => {
    const { receiver: { fetch } } = setUp();
    expect((await fetch.call(undefined, await signedRequest(success))).status).toBe(200);
  });

  const places: readonly [options: Partial<ReceiverOptions>, webhook: string, health: string][] = [
    [{ path: "/hooks/imggo" }, "/hooks/imggo", "/healthz"],
    [{ path: "/" }, "/", "/healthz"],
    [{ path: "/a.b-c_d~e" }, "/a.b-c_d~e", "/healthz"],
    [{ basePath: "/api" }, "/api/webhook", "/api/healthz"],
    [{ basePath: "/api/v1.0", path: "/in" }, "/api/v1.0/in", "/api/v1.0/healthz"],
    [{ basePath: "/api", path: "/" }, "/api", "/api/healthz"],
  ];
  for (const [options, webhook, health] of places) {
    test(`createReceiver() receives at ${webhook} with ${JSON.stringify(options)}`, async () => {
      const { receiver } = setUp(options);
      const at = (path: string) => new URL(path, url).href;
      const received = await receiver.fetch(await signedRequest(success, { url: at(webhook) }));
      expect(received.status).toBe(200);
      expect((await receiver.fetch(new Request(at(health)))).status).toBe(200);
      const elsewhere = await receiver.fetch(
        await signedRequest(success, { url: at("/webhook/elsewhere") }),
      );
      expect(elsewhere.status).toBe(404);
    });
  }

  test("createReceiver() takes a dot in a path as a dot", async () => {
    const { receiver } = setUp({ path: "/a.b" });
    const request = await signedRequest(success, { url: "http://localhost/axb" });
    expect((await receiver.fetch(request)).status).toBe(404);
  });

  const badPaths = [
    "",
    "webhook",
    "/webhook/",
    "//",
    "//a",
    "/a b",
    "/:id",
    "/*",
    "/a?b=c",
    "/(a)",
  ];
  for (const path of [...badPaths, "/a#b", "/ä", "/%61", "/webhook\n"]) {
    test(`createReceiver() refuses the path ${JSON.stringify(path)}, and says what it expects`, () => {
      expect(() => createReceiver({ secret, storage, path })).toThrow(TypeError);
      expect(() => createReceiver({ secret, storage, path }))
        .toThrow(/expects `path` .*\/webhook/);
    });
  }

  for (const path of ["/healthz", "/readyz"]) {
    test(`createReceiver() refuses the path ${path}, at which it answers something else`, () => {
      expect(() => createReceiver({ secret, storage, path })).toThrow(TypeError);
    });
  }

  for (const basePath of ["/", "hooks", "/hooks/", "/:tenant", "/*", "/a b", "https://a.example"]) {
    test(`createReceiver() refuses the basePath ${JSON.stringify(basePath)}`, () => {
      expect(() => createReceiver({ secret, storage, basePath })).toThrow(TypeError);
      expect(() => createReceiver({ secret, storage, basePath })).toThrow(/expects `basePath` /);
    });
  }

  test("createReceiver() refuses to go without a secret", () => {
    for (const options of [{ storage }, { storage, secrets: [] }]) {
      expect(() => createReceiver(options)).toThrow(TypeError);
      expect(() => createReceiver(options)).toThrow(/expects a secret/);
    }
  });

  for (const weak of ["", "                ", "canary-15-chars", "canary-canary-canary\n"]) {
    test(`createReceiver() refuses the secret ${JSON.stringify(weak)}, and does not repeat it`, () => {
      const variants: Partial<ReceiverOptions>[] = [
        { secret: weak },
        { secrets: [weak] },
        { secrets: [secret, weak] },
        { secret, secrets: [weak] },
      ];
      for (const options of variants) {
        const create = () => createReceiver({ storage, ...options });
        expect(create).toThrow(TypeError);
        expect(create).toThrow(/expected (?!.*canary)/s);
      }
    });
  }
});

describe("dedupeKey", () => {
  test("createReceiver() takes two events of one key as the same", async () => {
    const { send } = setUp({ dedupeKey: ({ data }) => `${data.job_id}:${data["attempt"]}` });
    const first = await send({ ...success, attempt: 1 });
    expect((await send({ ...success, attempt: 1 })).body)
      .toEqual({ status: "duplicate", id: first.body["id"] });
    expect((await send({ ...success, attempt: 2 })).body["status"]).toBe("received");
  });

  const broken: Record<string, () => unknown> = {
    "throws": () => {
      throw new Error("no key");
    },
    "gives nothing": () => undefined,
    "gives empty text": () => "",
    "gives a number": () => 7,
    "gives a promise": () => Promise.resolve("key"),
  };
  for (const [kind, dedupeKey] of Object.entries(broken)) {
    test(`createReceiver() goes by the default key, and says so, where dedupeKey ${kind}`, async () => {
      const { send, accepted, log } = setUp({ dedupeKey: dedupeKey as () => string });
      expect((await send(success)).body["status"]).toBe("received");
      expect((await send(success)).body["status"]).toBe("duplicate");
      expect((await send(failure)).body["status"]).toBe("received");
      expect(new Set(accepted.map(({ key }) => key)).size).toBe(2);
      expect(log.of("dedupeKey")).toMatchObject([
        { level: "error" },
        { level: "error" },
        { level: "error" },
      ]);
    });
  }
});

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
    const { open, opened } = gate();
    const { send } = setUp({ processors: { a: () => opened } });
    expect((await send(success)).status).toBe(200);
    open();
  });

  test("fetch() hands the work to waitUntil where there is one", async () => {
    const { receiver, storage } = setUp({ processors: { a: () => {} } });
    const context = new ExecutionContext();
    const response = await receiver.fetch(await signedRequest(success), {}, context);
    const { body } = await read(response);
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
    await receiver.fetch(new Request(url, { method: "POST", body: "{}" }), {}, context);
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

test("neither logs nor refusals hold a secret, a signature or anything of a payload", async () => {
  const current = "canary-secret-of-today";
  const previous = "canary-secret-before-it";
  const failed = createQueue<undefined>();
  const { receiver, log } = setUp({
    secret: current,
    secrets: [previous],
    maxBodyBytes: 2_000,
    dedupeKey: ({ data }) => {
      if (data["result"] === undefined) throw new Error("no result");
      return data.job_id;
    },
    processors: {
      a: () => {
        failed.push(undefined);
        throw new Error("database is down");
      },
    },
  });
  const job = { ...sampleJob, result: { a: "canary-result" }, message: "canary-message" };
  const extra = { note: "canary-extra" };
  const requests = [
    signedRequest({ ...flatWithManifest.succeeded(job), ...extra }, { secret: current }),
    signedRequest({ ...flatWithManifest.succeeded(job), ...extra }, { secret: current }),
    signedRequest(nested.succeeded({ ...job, result: "canary-again" }), { secret: previous }),
    signedRequest(nested.failed({ ...job, job_id: "another" }), { secret: current }),
    signedRequest({ event: "job.queued", ...extra }, { secret: current }),
    signedRequest(nested.succeeded(job), { secret: "canary-secret-of-a-forger" }),
    signedRequest(nested.succeeded(job), { headers: { "X-ImgGo-Signature": "sha256=canary" } }),
    signedRequest({ event: "job.succeeded", job_id: ["canary"], ...extra }, { secret: current }),
    signedRequest({ event: { canary: "canary" }, ...extra }, { secret: current }),
    signedRequest('{"canary":canary}', { secret: current }),
    signedRequest(`"${"canary".repeat(500)}"`, { secret: current }),
    signedRequest("{}", { secret: current, headers: { "Content-Encoding": "canary" } }),
    signedRequest("{}", { secret: current, url: `${url}?token=canary` }),
    signedRequest("{}", { secret: current, url: "http://localhost/canary?token=canary" }),
  ];
  const statuses: number[] = [];
  for (const making of requests) {
    const request = await making;
    request.headers.set("Authorization", "Bearer canary");
    request.headers.set("X-Request-Id", "canary token");
    const hex = request.headers.get("X-ImgGo-Signature")!.replace("sha256=", "");
    const response = await receiver.fetch(request);
    statuses.push(response.status);
    const texts = [await response.text(), ...response.headers.values(), ...log.lines];
    for (const text of texts) {
      expect(text).not.toContain("canary");
      expect(text).not.toContain(hex);
    }
  }
  expect(statuses)
    .toEqual([200, 200, 200, 200, 200, 401, 401, 422, 422, 400, 413, 415, 422, 404]);
  await failed.take(2);
  await receiver.stop();
  expect(log.of("delivery failed").length).toBeGreaterThanOrEqual(2);
  expect(log.lines.length).toBeGreaterThan(15);
  expect(log.lines.join("\n")).not.toContain("canary");
});
