import type { Answered, Observer, Plugin, PluginHost, SpanOptions, Tracer } from "imggo-webhooks";
import { PermanentError } from "imggo-webhooks";
import { expect, test, vi } from "vitest";
import { setUp } from "../support/receiver-under-test.ts";
import { signedRequest } from "../support/signed-request.ts";
import { failure, success } from "../support/wire.ts";

const get = (path: string, method: string = "GET") =>
  new Request(`http://localhost${path}`, { method });

test("plugins add paths below the base path, with their parameters decoded", async () => {
  const plugin: Plugin = ({ basePath, path }) => ({
    routes: [{
      path: "/things/:name",
      methods: ["GET", "HEAD"],
      handle: (_request, { parameters }) => Response.json({ ...parameters, basePath, path }),
    }],
  });
  const { receiver } = setUp({ plugins: [plugin], basePath: "/hooks" });
  const answer = await receiver.fetch(get("/hooks/things/a%2Fb%20%3C"));
  expect(await answer.json())
    .toEqual({ name: "a/b <", basePath: "/hooks", path: "/hooks/webhook" });
  expect(answer.headers.get("X-Request-Id")).toBeTruthy();
  expect(await (await receiver.fetch(get("/hooks/things/%E0%A4%A"))).json())
    .toMatchObject({ name: "%E0%A4%A" });

  const refused = await receiver.fetch(get("/hooks/things/a", "DELETE"));
  expect([refused.status, refused.headers.get("Allow")]).toEqual([405, "GET, HEAD"]);
  expect(await (await receiver.fetch(get("/hooks/things/a", "HEAD"))).text()).toBe("");
  expect((await receiver.fetch(get("/things/a"))).status).toBe(404);
});

test("a plugin whose path fails answers 500, and says nothing of why", async () => {
  const handle = () => Promise.reject(new Error("known to nobody"));
  const plugin: Plugin = () => ({ routes: [{ path: "/broken", methods: ["GET"], handle }] });
  const { receiver } = setUp({ plugins: [plugin] });
  const answer = await receiver.fetch(get("/broken"));
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain("known");
});

test("observers are told of each answer, each event and each attempt, and of no probe", async () => {
  const told = {
    answered: [] as Answered[],
    accepted: [] as unknown[],
    attempted: [] as unknown[],
  };
  const observer: Observer = {
    answered: (each) => told.answered.push(each),
    accepted: ({ durationMs, ...each }) => told.accepted.push({ ...each, ok: durationMs >= 0 }),
    attempted: ({ processor, result }) => told.attempted.push(`${processor} ${result}`),
  };
  const route = { path: "/own", methods: ["GET"], handle: () => new Response() };
  const { receiver, send } = setUp({
    plugins: [() => ({ observer, routes: [route] })],
    processors: {
      a: () => {},
      b: () => {
        throw new PermanentError("no");
      },
    },
    notify: () => Promise.resolve(),
  });
  await send(success);
  await send(success);
  await send("{");
  await send(failure, { "X-ImgGo-Signature": "0".repeat(64) });
  for (const path of ["/healthz", "/readyz", "/own"]) await receiver.fetch(get(path));
  await receiver.fetch(get("/wp-login.php"));
  await receiver.fetch(get("/webhook", "PUT"));
  await receiver.drain();

  expect(told.answered.map(({ status, code }) => `${status} ${code}`)).toEqual([
    "200 received",
    "200 duplicate",
    "400 invalid_json",
    "401 invalid_signature",
    "404 not_found",
    "405 method_not_allowed",
  ]);
  expect(told.answered.every(({ durationMs }) => durationMs >= 0)).toBe(true);
  const event = { event: "job.succeeded", state: "accepted", origin: "webhook", ok: true };
  expect(told.accepted).toEqual([
    { ...event, duplicate: false },
    { ...event, duplicate: true },
    { ...event, event: null, state: "quarantined", duplicate: false },
  ]);
  expect(told.attempted.toSorted()).toEqual(["a succeeded", "b dead"]);
});

test("observers that throw cost nothing", async () => {
  const fail = () => {
    throw new Error("broken");
  };
  const observer = { answered: fail, accepted: fail, attempted: fail };
  const after = { answered: vi.fn(), accepted: vi.fn(), attempted: vi.fn() };
  const { receiver, send } = setUp({
    plugins: [() => ({ observer }), () => ({ observer: after })],
    processors: { a: () => {} },
    notify: () => Promise.resolve(),
  });
  expect((await send(success)).status).toBe(200);
  expect(await receiver.drain()).toMatchObject({ succeeded: 1 });
  for (const told of Object.values(after)) expect(told).toHaveBeenCalledTimes(1);
});

test("a tracer spans the request, the accept and the attempt, which it links to the receipt", async () => {
  const spans: (SpanOptions & { readonly set: Record<string, unknown>; failed?: string })[] = [];
  const tracer: Tracer = {
    detached: (work) => work(),
    trace(options, work) {
      const span = { ...options, set: {} };
      spans.push(span);
      return work({
        traceParent: `00-${String(spans.length).padStart(32, "0")}-00f067aa0ba902b7-01`,
        set: (attributes) => Object.assign(span.set, attributes),
        fail: (reason) => Object.assign(span, { failed: reason }),
      });
    },
  };
  const { receiver, send, storage } = setUp({
    plugins: [() => ({ tracer })],
    processors: { a: () => Promise.reject(new PermanentError("no")) },
    notify: () => Promise.resolve(),
  });
  const { body } = await send(success);
  const id = String(body["id"]);
  await receiver.drain();
  const traceParent = (await storage.get(id))?.traceParent;
  expect(traceParent).toMatch(/^00-0{31}2-/);
  expect(spans).toMatchObject([
    { kind: "server", set: { "http.response.status_code": 200 } },
    { kind: "internal", set: { "imggo.event.id": id, "imggo.duplicate": false } },
    { kind: "consumer", link: traceParent, set: { "imggo.outcome": "dead" }, failed: "dead" },
  ]);

  await send(success, { "X-ImgGo-Signature": "0".repeat(64) });
  expect(spans.at(-1)).toMatchObject({ set: { "http.response.status_code": 401 } });
  expect(spans.at(-1)?.failed).toBeUndefined();
});

test("flush() is called after a request where the runtime may go, after a drain and at the stop", async () => {
  const flush = vi.fn(() => Promise.reject(new Error("no storage")));
  const { receiver, send } = setUp({ plugins: [() => ({ flush })], processors: { a: () => {} } });
  await send(success);
  expect(flush).not.toHaveBeenCalled();
  const pending: Promise<unknown>[] = [];
  await receiver.fetch(get("/nothing"), {}, { waitUntil: (promise) => pending.push(promise) });
  expect(flush).toHaveBeenCalledTimes(1);
  await Promise.all(pending);
  await receiver.drain();
  expect(flush).toHaveBeenCalledTimes(2);
  await receiver.stop();
  expect(flush).toHaveBeenCalledTimes(3);
});

test("flush() writes what attempts after an answer added, where the runtime may go", async () => {
  const gathered: string[] = [];
  const flushed: string[][] = [];
  const plugin: Plugin = () => ({
    observer: { attempted: ({ result }) => void gathered.push(result) },
    flush: () => Promise.resolve(void flushed.push(gathered.splice(0))),
  });
  const { receiver } = setUp({ plugins: [plugin], processors: { a: () => {} } });
  const pending: Promise<unknown>[] = [];
  const waitUntil = (promise: Promise<unknown>) => void pending.push(promise);
  await receiver.fetch(await signedRequest(success), {}, { waitUntil });
  await Promise.all(pending);
  expect([gathered, flushed.flat()]).toEqual([[], ["succeeded"]]);
});

test("flush() that hangs does not keep the receiver from stopping", async () => {
  const flush = () => new Promise<void>(() => {});
  const { receiver } = setUp({ plugins: [() => ({ flush })] });
  await receiver.stop();
});

test("workSoon() wakes the worker, or works after the answer where the runtime goes", async () => {
  let host: PluginHost | undefined;
  const { storage, send } = setUp({
    plugins: [(given) => {
      host = given;
      return {};
    }],
    processors: { a: () => {} },
    role: "receiver",
  });
  const { body } = await send(success);
  host?.workSoon({ waitUntil: () => expect.unreachable() });
  expect(await storage.get(String(body["id"])))
    .toMatchObject({ deliveries: [{ state: "pending" }] });

  const working = setUp({
    storage,
    plugins: [(given) => {
      host = given;
      return {};
    }],
    processors: { a: () => {} },
  });
  const pending: Promise<unknown>[] = [];
  host?.workSoon({ waitUntil: (promise) => pending.push(promise) });
  await Promise.all(pending);
  expect(await storage.get(String(body["id"])))
    .toMatchObject({ deliveries: [{ state: "succeeded" }] });
  await working.receiver.stop();
});

test("createReceiver() refuses plugins that are none", () => {
  for (const plugins of ["admin", [undefined], {}]) {
    expect(() => setUp({ plugins: plugins as Plugin[] })).toThrow(
      "createReceiver(): plugins: expected a list of plugins, such as admin() makes.",
    );
  }
});
