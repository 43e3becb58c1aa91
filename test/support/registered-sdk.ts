import * as api from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { onTestFinished } from "vitest";

/** One value of a metric, with its attributes. */
export interface Point {
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Of a histogram an object. */
  readonly value: unknown;
}

/** What an SDK that keeps everything in memory was told. */
export interface RegisteredSdk {
  /** The spans of this name that ended. */
  readonly spans: (name: string) => readonly ReadableSpan[];
  /** Reads all metrics now, by name. */
  readonly collect: () => Promise<ReadonlyMap<string, readonly Point[]>>;
  /** How often it was told to export. */
  readonly flushed: () => number;
}

/** Registers an SDK with OpenTelemetry's API until the test ends. */
export function registerSdk(): RegisteredSdk {
  let flushed = 0;
  class Reader extends MetricReader {
    protected override async onShutdown(): Promise<void> {}
    protected override onForceFlush(): Promise<void> {
      flushed++;
      return Promise.resolve();
    }
  }
  const exporter = new InMemorySpanExporter();
  const reader = new Reader();
  const tracers = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const meters = new MeterProvider({ readers: [reader] });
  const contexts = new AsyncLocalStorageContextManager();
  api.trace.setGlobalTracerProvider(tracers);
  api.metrics.setGlobalMeterProvider(meters);
  api.context.setGlobalContextManager(contexts.enable());
  onTestFinished(async () => {
    api.trace.disable();
    api.metrics.disable();
    api.context.disable();
    await Promise.all([tracers.shutdown(), meters.shutdown()]);
  });
  return {
    spans: (name) => exporter.getFinishedSpans().filter((span) => span.name === name),
    async collect() {
      const { resourceMetrics } = await reader.collect();
      const metrics = resourceMetrics.scopeMetrics
        .filter(({ scope }) => scope.name === "imggo-webhooks")
        .flatMap(({ metrics }) => metrics);
      return new Map(
        metrics.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints as Point[]]),
      );
    },
    flushed: () => flushed,
  };
}
