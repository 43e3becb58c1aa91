import type { Plugin } from "esbuild";
import { gzipSync } from "node:zlib";
import { sign } from "imggo-webhooks";
import { admin } from "imggo-webhooks/admin";
import { cloudflare, type CloudflareOptions } from "imggo-webhooks/cloudflare";
import { createImgGoClient } from "imggo-webhooks/imggo";
import { type D1Database, d1Storage } from "imggo-webhooks/storage/d1";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { pause } from "../../src/deadline.ts";
import { receivingStorage } from "../../src/entry/cloudflare-storage.ts";
import { startD1 } from "../support/d1-database.ts";
import { newEvent } from "../support/new-event.ts";
import { type Sink, startSink } from "../support/sink.ts";
import { untilAborted } from "../support/until-aborted.ts";
import {
  type Bundle,
  bundle,
  bundleText,
  type RunningWorkers,
  startWorkers,
  type WorkerUnderTest,
} from "../support/workerd.ts";
import { adminToken, expectNoAdmin } from "./admin-contract.ts";
import { describeEntry, secret } from "./contract.ts";

const built = bundle("src/entry/cloudflare.ts");
const d1Databases = { DB: "events" };
const queueProducers = { QUEUE: "events" };
const queueConsumers = { events: { maxBatchTimeout: 0 } };

const bindingsFor = (forwardUrl: string) => ({
  WEBHOOK_SECRET: secret,
  FORWARD_URL: forwardUrl,
  FORWARD_SECRET: secret,
  FORWARD_ALLOW_PRIVATE: true,
});

const queues = { queueProducers, queueConsumers };

describeEntry("cloudflare() with a queue", async (forwardUrl) => {
  const { script } = await built;
  const bindings = bindingsFor(forwardUrl);
  const workers = await startWorkers({ script, d1Databases, bindings, ...queues });
  return { ...workers, hasAdmin: false, url: new URL("/webhook", workers.url).href };
});

describeEntry("cloudflare() without a queue, with what operators get", async (forwardUrl) => {
  const { script } = await bundle("test/entry/cloudflare-worker.ts");
  const bindings = { ...bindingsFor(forwardUrl), ADMIN_TOKEN: adminToken };
  const workers = await startWorkers({ script, d1Databases, bindings });
  return { ...workers, hasAdmin: true, url: new URL("/webhook", workers.url).href };
});

async function start(...workers: readonly Omit<WorkerUnderTest, "script">[]) {
  const { script } = await built;
  const running = await startWorkers(...workers.map((worker) => ({ script, ...worker })));
  onTestFinished(() => running.stop());
  return running;
}

async function startTarget(status?: () => number): Promise<Sink> {
  const sink = await startSink(status);
  onTestFinished(() => sink.close());
  return sink;
}

async function post({ url }: RunningWorkers, jobId: string) {
  const body = JSON.stringify({ event: "job.succeeded", data: { job_id: jobId, result: {} } });
  const headers = { "X-ImgGo-Signature": await sign(body, secret) };
  const response = await fetch(new URL("/webhook", url), { method: "POST", headers, body });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

describe("cloudflare() and what is due", () => {
  test("scheduled() runs what no message told of", async () => {
    const target = await startTarget();
    // Nobody takes what it sends.
    const workers = await start(
      { d1Databases, queueProducers, bindings: bindingsFor(target.url) },
    );
    const { status, body: { id } } = await post(workers, "j-1");
    expect(status).toBe(200);
    expect(target.requests).toEqual([]);
    expect(await workers.scheduled()).toBe("ok");
    expect(await target.received(id)).toBeDefined();
    expect(await workers.scheduled()).toBe("ok");
    expect(target.requests).toHaveLength(1);
  });

  test("scheduled() runs what failed, once it is due again", async () => {
    let requests = 0;
    const target = await startTarget(() => ++requests === 1 ? 500 : 204);
    const workers = await start(
      { d1Databases, queueProducers, queueConsumers, bindings: bindingsFor(target.url) },
    );
    const { body: { id } } = await post(workers, "j-1");
    await target.received(id);
    // The wait before the second attempt is 2 s at the most.
    while (target.requests.length < 2) expect(await workers.scheduled()).toBe("ok");
    expect(target.requests.map(({ headers }) => headers["x-webhook-attempt"])).toEqual(["1", "2"]);
  });

  test("queue() runs what is due, whatever its message says", async () => {
    const target = await startTarget();
    const workers = await start(
      { d1Databases, queueProducers, bindings: bindingsFor(target.url) },
    );
    const { body: { id } } = await post(workers, "j-1");
    for (const message of [{ id: "evt_other" }, "text", null]) {
      expect(await workers.queue(message)).toBe("ok");
    }
    expect(await target.received(id)).toBeDefined();
    expect(target.requests).toHaveLength(1);
  });

  test("an invocation runs 15 deliveries, and a message brings the next one", async () => {
    const target = await startTarget();
    const bindings = bindingsFor(target.url);
    const workers = await start(
      { name: "receiver", d1Databases, bindings: { ...bindings, ROLE: "receiver" } },
      { name: "alone", d1Databases, bindings },
      { name: "worker", d1Databases, queueProducers, queueConsumers, bindings },
    );
    const accept = async (from: number, to: number) => {
      const jobs = Array.from({ length: to - from }, (_, index) => `j-${from + index}`);
      const answers = await Promise.all(jobs.map((job) => post(workers, job)));
      return answers.map(({ body }) => String(body.id));
    };
    const received = () => target.requests.map(({ headers }) => headers["idempotency-key"]);
    const first = await accept(0, 20);
    expect(await workers.scheduled("receiver")).toBe("ok");
    expect(received()).toEqual([]);
    await workers.scheduled("alone");
    expect(received()).toHaveLength(15);
    await workers.scheduled("alone");
    expect(received().sort()).toEqual(first.sort());

    const second = await accept(20, 60);
    await workers.scheduled("worker");
    await Promise.all(second.map((id) => target.received(id)));
    expect(received()).toHaveLength(60);
  });
});

describe("cloudflare() and its time", () => {
  test("scheduled() gives back what it has no time for, and sends a message for it", async () => {
    vi.spyOn(console, "log").mockReturnValue();
    vi.useFakeTimers();
    onTestFinished(() => {
      vi.useRealTimers();
      vi.restoreAllMocks();
    });
    const storage = memoryStorage();
    const ids: string[] = [];
    for (let count = 0; count < 2; count++) ids.push((await storage.accept(await newEvent())).id);
    const messages: unknown[] = [];
    const QUEUE = { send: (message: unknown) => Promise.resolve(messages.push(message)) };
    const env = { QUEUE, WEBHOOK_SECRET: secret };
    const { scheduled } = cloudflare({
      storage,
      processors: { a: (_event, { signal }) => untilAborted(signal) },
      worker: { concurrency: 1, backoff: { firstMs: 3_600_000 } },
    });
    const ended = scheduled(undefined, env);
    await vi.advanceTimersByTimeAsync(24_000);
    expect(messages).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    await ended;
    expect(messages).toHaveLength(1);
    const deliveries = async () => {
      const events = await Promise.all(ids.map((id) => storage.get(id)));
      return events.flatMap((event) => event?.deliveries);
    };
    expect(await deliveries()).toMatchObject([
      { state: "pending", attempts: 1, lastError: expect.stringContaining("20000 ms") },
      { state: "pending", attempts: 0 },
    ]);

    // The next one begins with what was given back, and has time for it.
    const next = scheduled(undefined, env);
    await vi.advanceTimersByTimeAsync(21_000);
    await next;
    expect(messages).toHaveLength(1);
    expect(await deliveries()).toMatchObject([{ attempts: 1 }, { attempts: 1 }]);
  });

  test("an invocation lasts longer where an attempt may", async () => {
    vi.spyOn(console, "log").mockReturnValue();
    vi.useFakeTimers();
    onTestFinished(() => {
      vi.useRealTimers();
      vi.restoreAllMocks();
    });
    const storage = memoryStorage();
    const { id } = await storage.accept(await newEvent());
    const { queue } = cloudflare({
      storage,
      processors: { a: () => pause(100_000) },
      worker: { timeoutMs: 120_000 },
    });
    const ended = queue(undefined, { WEBHOOK_SECRET: secret });
    await vi.advanceTimersByTimeAsync(101_000);
    await ended;
    expect(await storage.get(id)).toMatchObject({ deliveries: [{ state: "succeeded" }] });
  });
});

describe("cloudflare() and the queries of the free plan", () => {
  const allowed = 50;
  let running = 0;
  // One after another: an attempt that ends leaves room for another one.
  const fail = async () => {
    await pause(20 * running++);
    throw new Error("it failed");
  };
  const processors = { a: fail, b: fail, c: fail, d: fail, e: fail };

  /** A Worker whose every delivery fails, in this process, and what it asked of its database. */
  async function countQueries(due: number) {
    const d1 = await startD1();
    onTestFinished(() => d1.dispose());
    vi.spyOn(console, "log").mockReturnValue();
    onTestFinished(() => void vi.restoreAllMocks());
    running = 0;
    let queries = 0;
    const DB: D1Database = {
      prepare: (sql) => d1.database.prepare(sql),
      batch(statements) {
        queries += statements.length;
        return d1.database.batch(statements);
      },
    };
    const storage = d1Storage(d1.database);
    for (let count = 0; count < due; count++) {
      await storage.accept(await newEvent({ processors: ["a"] }));
    }
    const env = { DB, WEBHOOK_SECRET: secret };
    const states = async () => {
      const { events } = await storage.list({ limit: 100 });
      return events.flatMap(({ deliveries }) => deliveries.map(({ attempts }) => attempts));
    };
    return { env, states, queries: () => queries };
  }

  for (const due of [0, 14, 15, 40]) {
    test(`scheduled() takes no more of them with ${due} deliveries due that all fail`, async () => {
      const { env, states, queries } = await countQueries(due);
      await cloudflare({ processors }).scheduled(undefined, env);
      expect(queries()).toBeLessThanOrEqual(allowed);
      const run = (await states()).filter((attempts) => attempts > 0);
      expect(run).toHaveLength(Math.min(due, 15));
    });
  }

  test("fetch() without a queue takes no more of them, and runs what is due", async () => {
    const { env, states, queries } = await countQueries(40);
    const body = '{"event":"job.succeeded","data":{"job_id":"j-1","result":{}}}';
    const headers = { "X-ImgGo-Signature": await sign(body, secret) };
    const request = new Request("http://localhost/webhook", { method: "POST", headers, body });
    const work: Promise<unknown>[] = [];
    const context = { waitUntil: (promise: Promise<unknown>) => work.push(promise) };
    const response = await cloudflare({ processors }).fetch(request, env, context);
    expect(response.status).toBe(200);
    await Promise.all(work);
    expect(queries()).toBeLessThanOrEqual(allowed);
    expect((await states()).filter((attempts) => attempts > 0)).toHaveLength(15);
  });
});

describe("cloudflare() and what it cannot work with", () => {
  const settings = { WEBHOOK_SECRET: secret };
  const unfit: Readonly<
    Record<string, readonly [worker: Omit<WorkerUnderTest, "script">, said: readonly string[]]>
  > = {
    "no database": [
      { bindings: settings },
      [
        "DB: expected a D1 database",
        "npx wrangler d1 create",
        '"d1_databases": [{ "binding": "DB"',
      ],
    ],
    "text for a database and a queue": [
      { bindings: { ...settings, DB: "events", QUEUE: "events" } },
      ["DB: expected a D1 database", "QUEUE: expected a queue", '"queues": { "producers"'],
    ],
    "no secret, and no database": [
      {},
      ["DB: expected a D1 database", "WEBHOOK_SECRET: expected the secret"],
    ],
    "the URL of a storage": [
      { d1Databases, bindings: { ...settings, STORAGE_URL: "postgres://user:canary@host/db" } },
      ["STORAGE_URL: expected none"],
    ],
    "a spool": [
      { d1Databases, bindings: { ...settings, SPOOL_URL: "sqlite:./spool.db" } },
      ["SPOOL_URL: expected none"],
    ],
    "bodies that no row holds": [
      { d1Databases, bindings: { ...settings, MAX_BODY_BYTES: 2_000_000 } },
      ["MAX_BODY_BYTES: expected at most 1980000"],
    ],
  };
  for (const [what, [worker, said]] of Object.entries(unfit)) {
    test(`${what}: the log says so, and the sender is asked to send again`, async () => {
      const workers = await start(worker);
      const { status, headers, body } = await post(workers, "j-1");
      expect(status).toBe(503);
      expect(headers.get("Retry-After")).toMatch(/^\d+$/);
      expect(body).toEqual({ error: expect.any(String), code: "storage_unavailable" });
      expect(await workers.queue({ id: "evt_1" })).toBe("exception");
      expect(await workers.scheduled()).toBe("exception");
      const [line = ""] = workers.output().split("\n").filter((line) =>
        line.includes("cannot start")
      );
      const { level, error } = JSON.parse(line);
      expect(level).toBe("error");
      for (const part of said) expect(error).toContain(part);
      expect(workers.output()).not.toContain("canary");
    });
  }

  for (const deliveriesPerInvocation of [0, 1.5, NaN, Infinity]) {
    test(`cloudflare() refuses ${deliveriesPerInvocation} deliveries an invocation`, () => {
      expect(() => cloudflare({}, { deliveriesPerInvocation }))
        .toThrow("cloudflare(): deliveriesPerInvocation: expected a whole number of at least 1");
    });
  }

  const parts: Readonly<Record<string, CloudflareOptions>> = {
    admin: { admin },
    createImgGoClient: { createImgGoClient },
    plugins: { plugins: [() => ({})] },
  };
  for (const [name, part] of Object.entries(parts)) {
    test(`cloudflare() refuses ${name} without a storage that shows what is stored`, () => {
      expect(() => cloudflare({}, part)).toThrow(
        /^cloudflare\(\): d1Storage: expected cloudflare\(config, \{ d1Storage \}\), from imggo-/,
      );
      expect(() => cloudflare({ storage: "memory:" }, part)).toThrow(TypeError);
      cloudflare({}, { ...part, d1Storage });
      cloudflare({ storage: memoryStorage() }, part);
    });
  }

  test("receivingStorage() refuses what is not on an event's way, and says what to hand in", async () => {
    const storage = receivingStorage({
      prepare: () => expect.unreachable(),
      batch: () => expect.unreachable(),
    });
    const refused = [
      storage.get("evt_1"),
      storage.list({ limit: 1 }),
      storage.activity.list(0),
      storage.expectations.list({ limit: 1 }),
      storage.rejections.body("rej_1"),
    ];
    for (const call of refused) {
      await expect(call).rejects.toThrow("expected cloudflare(config, { d1Storage }), from imggo-");
    }
  });

  test("an admin token without what it lets into: the log says what was expected", async () => {
    const bindings = { ...settings, ADMIN_TOKEN: adminToken };
    const workers = await start({ d1Databases, bindings });
    expect((await post(workers, "j-1")).status).toBe(200);
    expect(workers.output()).toContain("expected cloudflare(config, { admin, d1Storage })");
    expect(workers.output()).not.toContain(adminToken);
    await expectNoAdmin(workers.url.href);
  });

  test("a key to ImgGo's API without what makes a client: the log says what was expected", async () => {
    const bindings = { ...settings, IMGGO_API_KEY: "canary-key" };
    const workers = await start({ d1Databases, bindings });
    expect((await post(workers, "j-1")).status).toBe(200);
    expect(workers.output()).toContain(
      "expected cloudflare(config, { createImgGoClient, d1Storage })",
    );
    expect(workers.output()).not.toContain("canary");
  });

  test("a DATABASE_URL is left to the processors", async () => {
    const bindings = { ...settings, DATABASE_URL: "postgres://user@host/db" };
    const workers = await start({ d1Databases, bindings });
    expect((await post(workers, "j-1")).status).toBe(200);
  });
});

describe("the bundle for Workers", () => {
  /** The files of which a bundle holds something, and how many bytes, the largest first. */
  const heldIn = ({ outputs }: Bundle["metafile"]) =>
    Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs))
      .map(([path, { bytesInOutput }]) => [path, bytesInOutput] as const)
      .filter(([, bytes]) => bytes > 0)
      .sort(([, one], [, other]) => other - one);
  const largestIn = (metafile: Bundle["metafile"]) =>
    `before compression: ${heldIn(metafile).slice(0, 15).join("; ")}`;

  test("is under 25 kB, and needs nothing of Node.js", async () => {
    const { script, metafile } = await built;
    expect(gzipSync(script).byteLength, largestIn(metafile)).toBeLessThan(25_000);
    const inputs = Object.values(metafile.inputs);
    expect(inputs.length).toBeGreaterThan(20);
    expect(inputs.flatMap(({ imports }) => imports).filter(({ external }) => external)).toEqual([]);
    expect(Object.values(metafile.outputs).flatMap(({ imports }) => imports)).toEqual([]);
  });

  test("of what checks signatures alone is under 1.5 kB, and holds no package", async () => {
    const { script, metafile } = await bundleText(
      'export { sign, verifySignature, WebhookError } from "./src/index.ts";',
    );
    expect(gzipSync(script).byteLength, largestIn(metafile)).toBeLessThan(1_500);
    expect(heldIn(metafile).map(([path]) => path).sort())
      .toEqual(["src/errors.ts", "src/hex.ts", "src/signature.ts"]);
  });

  /** A Worker's source, with these handed in. */
  const source = (parts: string) => `
    import { cloudflare } from "./src/entry/cloudflare.ts";
    import { admin } from "./src/admin.ts";
    import { d1Storage } from "./src/storage/d1.ts";
    export default cloudflare({}, { ${parts} });
  `;
  const sizeOf = async (...given: Parameters<typeof bundleText>) =>
    gzipSync((await bundleText(...given)).script).byteLength;
  const withoutPages: Plugin = {
    name: "without pages",
    setup(build) {
      const contents = "export const pageRoutes = () => [];";
      build.onLoad({ filter: /\/src\/admin\/pages\.ts$/ }, () => ({ contents }));
    },
  };

  test("holds what operators get in under 30 kB more, and the pages of it in under 18 kB", async () => {
    const [none, without, whole] = await Promise.all([
      sizeOf(source("d1Storage")),
      sizeOf(source("admin, d1Storage"), [withoutPages]),
      sizeOf(source("admin, d1Storage")),
    ]);
    expect(without).toBeGreaterThan(none);
    expect(whole - without).toBeLessThan(18_000);
    expect(whole - none).toBeLessThan(30_000);
  });

  test("holds nothing that is for operators, or asks ImgGo, where that is not handed in", async () => {
    const receiver = await bundleText('export { createReceiver } from "./src/index.ts";');
    const operators =
      /(?:^|\/)(?:src\/(?:admin|metrics|operations|open-telemetry)[/.]|src\/imggo\.ts|src\/reconcile\.ts|src\/reconcile\/(?:ask|by-hand|due)|src\/storage\/d1\/operating|hono\/|to-json-schema\/)/;
    for (const { metafile } of [await built, await bundleText(source("")), receiver]) {
      const held = heldIn(metafile).map(([path]) => path);
      expect(held).toContain("src/receiver.ts");
      expect(held.filter((path) => operators.test(path))).toEqual([]);
    }
    const { metafile } = await bundleText(source("admin, d1Storage"));
    expect(heldIn(metafile).filter(([path]) => operators.test(path)).length).toBeGreaterThan(20);
  });
});
