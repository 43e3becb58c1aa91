import * as api from "@opentelemetry/api";
import { openTelemetry, type OpenTelemetryApi } from "imggo-webhooks/open-telemetry";
import { describe, expect, test, vi } from "vitest";
import { createTracer } from "../../src/open-telemetry/tracer.ts";
import { setUp } from "../support/receiver-under-test.ts";
import { registerSdk } from "../support/registered-sdk.ts";
import { success } from "../support/wire.ts";

const fail = (): never => {
  throw new Error("broken by a test");
};

// That the package fits is checked with the types.
const working: OpenTelemetryApi = api;

const spanContext = () => ({ traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1 });
const span = { spanContext, setAttributes: fail, setStatus: fail, end: fail };

const broken: Readonly<Record<string, OpenTelemetryApi>> = {
  "makes nothing": {
    ...working,
    trace: { getTracer: fail, getTracerProvider: fail, getActiveSpan: fail, setSpan: fail },
    metrics: { getMeter: fail, getMeterProvider: fail },
    context: { active: fail, with: fail },
  },
  "makes spans that fail": {
    ...working,
    trace: {
      getTracer: () => ({ startSpan: () => span }),
      getTracerProvider: () => ({ forceFlush: fail }),
      getActiveSpan: () => undefined,
      setSpan: (context) => context,
    },
    metrics: {
      getMeter: () => ({
        createCounter: () => ({ add: (by) => by === 0 || fail() }),
        createHistogram: () => ({ record: fail }),
        createObservableGauge: () => ({ addCallback: fail }),
        addBatchObservableCallback: () => {},
      }),
      getMeterProvider: () => ({ forceFlush: () => new Promise(() => {}) }),
    },
  },
  "fails before it does the work": { ...working, context: { ...active(), with: fail } },
  "fails after it did the work": {
    ...working,
    context: {
      ...active(),
      with(_context, work) {
        work();
        return fail();
      },
    },
  },
  "does the work twice": {
    ...working,
    context: { ...active(), with: (_context, work) => [work(), work()] },
  },
};

function active(): Pick<OpenTelemetryApi["context"], "active"> {
  return { active: () => api.ROOT_CONTEXT };
}

describe.each(Object.entries(broken))("openTelemetry() with an API that %s", (_, failing) => {
  test("lets the receiver work, and each thing be done once", async () => {
    registerSdk();
    let runs = 0;
    const { send, receiver, accepted } = setUp({
      plugins: [openTelemetry(failing)],
      processors: { invoices: () => void runs++ },
    });
    const { status, body } = await send(success);
    expect([status, body["status"]]).toEqual([200, "received"]);
    await vi.waitUntil(() => runs > 0);
    await receiver.stop();
    expect([runs, accepted.length]).toEqual([1, 1]);
  });

  test("hands on what the work throws", async () => {
    const tracer = createTracer(failing, "a test");
    const options = { name: "a", kind: "internal", attributes: {} } as const;
    const work = () => Promise.reject(new Error("of the work"));
    await expect(tracer.trace(options, work)).rejects.toThrow("of the work");
    let runs = 0;
    const thrower = () => {
      runs++;
      throw new Error("of the work");
    };
    expect(() => tracer.detached(thrower)).toThrow("of the work");
    expect(runs).toBe(1);
  });
});
