import * as api from "@opentelemetry/api";
import { PermanentError, StorageError } from "imggo-webhooks";
import { openTelemetry } from "imggo-webhooks/open-telemetry";
import { describe, expect, test, vi } from "vitest";
import { type ReceiverUnderTest, type SetUp, setUp } from "../support/receiver-under-test.ts";
import { registerSdk } from "../support/registered-sdk.ts";
import { secret, signedRequest } from "../support/signed-request.ts";
import { success } from "../support/wire.ts";

const request = "imggo_webhooks request";
const accept = "imggo_webhooks accept";
const delivery = "imggo_webhooks delivery";
const stranger = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const traced = (options: SetUp = {}): ReceiverUnderTest =>
  setUp({ plugins: [openTelemetry(api)], ...options });

describe("openTelemetry() traces", () => {
  test("a request, what is stored in it, and each attempt linked to that", async () => {
    const { spans } = registerSdk();
    let active: api.Span | undefined;
    const { send, storage } = traced({
      processors: {
        async invoices() {
          await Promise.resolve();
          active = api.trace.getActiveSpan();
        },
      },
    });
    const { body } = await send(success);
    const id = String(body["id"]);
    await vi.waitUntil(() => spans(delivery).length > 0);

    const [[received], [stored], [run]] = [spans(request), spans(accept), spans(delivery)];
    expect(received).toMatchObject({
      kind: api.SpanKind.SERVER,
      status: { code: api.SpanStatusCode.UNSET },
      attributes: { "http.route": "/webhook", "http.response.status_code": 200 },
    });
    expect(received?.parentSpanContext).toBeUndefined();
    expect(stored).toMatchObject({
      kind: api.SpanKind.INTERNAL,
      parentSpanContext: { spanId: received?.spanContext().spanId },
      attributes: { "imggo.event.id": id, "imggo.event.state": "accepted" },
    });
    const { traceId = "", spanId = "" } = stored?.spanContext() ?? {};
    expect((await storage.get(id))?.traceParent).toBe(`00-${traceId}-${spanId}-01`);
    expect(run).toMatchObject({
      kind: api.SpanKind.CONSUMER,
      status: { code: api.SpanStatusCode.UNSET },
      links: [{ context: { traceId, spanId, isRemote: true } }],
      attributes: { "imggo.processor": "invoices", "imggo.outcome": "succeeded" },
    });
    expect(run?.parentSpanContext).toBeUndefined();
    expect(run?.spanContext().traceId).not.toBe(traceId);
    expect(active?.spanContext()).toEqual(run?.spanContext());
  });

  test("in no trace that a stranger names", async () => {
    const { spans } = registerSdk();
    await traced().send(success, { traceparent: stranger, tracestate: "a=b" });
    const [, traceId] = stranger.split("-");
    expect(spans(request)).toHaveLength(1);
    for (const span of [...spans(request), ...spans(accept)]) {
      expect(span.spanContext().traceId).not.toBe(traceId);
      expect(span.links).toEqual([]);
    }
  });

  test("a request as a part of what is active, where an instrumentation made a span", async () => {
    const { spans } = registerSdk();
    const { send } = traced();
    const outer = api.trace.getTracer("a server").startSpan("POST");
    await api.context.with(api.trace.setSpan(api.ROOT_CONTEXT, outer), () => send(success));
    expect(spans(request)).toMatchObject([{
      kind: api.SpanKind.INTERNAL,
      parentSpanContext: { spanId: outer.spanContext().spanId },
    }]);
  });

  test("a refused request by its code, and as no failure of this receiver", async () => {
    const { spans } = registerSdk();
    const { receiver } = traced();
    await receiver.fetch(await signedRequest(success, { secret: "another secret, a wrong one" }));
    expect(spans(accept)).toEqual([]);
    expect(spans(request)).toMatchObject([{
      status: { code: api.SpanStatusCode.UNSET },
      attributes: { "http.response.status_code": 401, "error.type": "invalid_signature" },
    }]);
  });

  test("what could not be stored as failed", async () => {
    const { spans } = registerSdk();
    const broken = () => Promise.reject(new StorageError("unavailable", `postgres://${secret}`));
    const { send } = traced({ faulty: () => ({ accept: broken }) });
    expect((await send(success)).status).toBe(503);
    for (const name of [request, accept]) {
      expect(spans(name)).toMatchObject([{ status: { code: api.SpanStatusCode.ERROR } }]);
    }
    expect(spans(request)[0]?.attributes).toMatchObject({ "http.response.status_code": 503 });
  });

  test("nothing of a payload, a secret, a signature or an error's text", async () => {
    const { spans } = registerSdk();
    const { receiver } = traced({
      processors: {
        bad() {
          throw new PermanentError("text of an error");
        },
      },
    });
    const sent = await signedRequest(success);
    const signature = sent.headers.get("X-ImgGo-Signature") ?? "";
    await receiver.fetch(sent);
    await vi.waitUntil(() => spans(delivery).length > 0);
    expect(spans(delivery)).toMatchObject([{ status: { code: api.SpanStatusCode.ERROR } }]);
    const all = [request, accept, delivery].flatMap(spans)
      .map(({ attributes, status, events }) => JSON.stringify({ attributes, status, events }));
    expect(all).toHaveLength(3);
    for (const hidden of [secret, signature.slice(-20), "Käse", "12.5", "text of an error"]) {
      expect(all.join()).not.toContain(hidden);
    }
  });

  test("an attempt as a trace of its own, also where it is made in the request", async () => {
    const { spans } = registerSdk();
    const { receiver } = traced({ processors: { invoices() {} } });
    const pending: Promise<unknown>[] = [];
    const context = { waitUntil: (promise: Promise<unknown>) => void pending.push(promise) };
    const outer = api.trace.getTracer("a server").startSpan("POST");
    const sent = await signedRequest(success);
    await api.context.with(
      api.trace.setSpan(api.ROOT_CONTEXT, outer),
      () => receiver.fetch(sent, undefined, context),
    );
    await Promise.all(pending);
    const [run] = spans(delivery);
    expect(run?.parentSpanContext).toBeUndefined();
    expect(run?.spanContext().traceId).not.toBe(outer.spanContext().traceId);
  });

  test("nothing of the worker as a part of the request that starts it", async () => {
    const { spans } = registerSdk();
    const claimedIn: unknown[] = [];
    const { send } = traced({
      processors: { invoices() {} },
      faulty: (storage) => ({
        claim(claims) {
          claimedIn.push(api.trace.getActiveSpan());
          return storage.claim(claims);
        },
      }),
    });
    const outer = api.trace.getTracer("a server").startSpan("POST");
    await api.context.with(api.trace.setSpan(api.ROOT_CONTEXT, outer), () => send(success));
    const [run] = await vi.waitUntil(() => spans(delivery).length > 0 && spans(delivery));
    expect(run?.parentSpanContext).toBeUndefined();
    expect(claimedIn.length).toBeGreaterThan(0);
    expect(claimedIn.filter((span) => span !== undefined)).toEqual([]);
  });

  test("nothing where nobody provides what is behind the API", async () => {
    const { send, storage } = traced();
    const { status, body } = await send(success, { traceparent: stranger });
    expect(status).toBe(200);
    expect((await storage.get(String(body["id"])))?.traceParent).toBeNull();
  });
});

test("openTelemetry() has what is gathered exported when the receiver stops", async () => {
  const { flushed } = registerSdk();
  const { receiver } = traced();
  await receiver.stop();
  expect(flushed()).toBe(1);
});
