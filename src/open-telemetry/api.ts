// What is used of the package `@opentelemetry/api`, 1.4 or newer: `import * as api` of it fits.

/** OpenTelemetry's API. */
export interface OpenTelemetryApi {
  readonly context: {
    active(): OpenTelemetryContext;
    with(context: OpenTelemetryContext, work: () => unknown): unknown;
  };
  readonly trace: {
    getTracer(name: string): OpenTelemetryTracer;
    getTracerProvider(): unknown;
    getActiveSpan(): unknown;
    setSpan(context: OpenTelemetryContext, span: OpenTelemetrySpan): OpenTelemetryContext;
  };
  readonly metrics: {
    getMeter(name: string): OpenTelemetryMeter;
    getMeterProvider(): unknown;
  };
  readonly ROOT_CONTEXT: OpenTelemetryContext;
  readonly SpanKind: {
    readonly INTERNAL: number;
    readonly SERVER: number;
    readonly CONSUMER: number;
  };
  readonly SpanStatusCode: { readonly ERROR: number };
}

/** What is active: a span, mostly. */
export interface OpenTelemetryContext {
  getValue(key: symbol): unknown;
}

/** Where a span is in its trace. */
export interface OpenTelemetrySpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote?: boolean;
}

/** Makes spans. */
export interface OpenTelemetryTracer {
  startSpan(
    name: string,
    options: {
      readonly kind: number;
      readonly attributes: OpenTelemetryAttributes;
      readonly links: { readonly context: OpenTelemetrySpanContext }[];
    },
    context?: OpenTelemetryContext,
  ): OpenTelemetrySpan;
}

/** A span that has begun. */
export interface OpenTelemetrySpan {
  spanContext(): OpenTelemetrySpanContext;
  setAttributes(attributes: OpenTelemetryAttributes): unknown;
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  end(): void;
}

/** What is said of a span, or of what was counted. */
export type OpenTelemetryAttributes = Record<string, string | number | boolean>;

/** Makes what counts and measures. */
export interface OpenTelemetryMeter {
  createCounter(name: string, options: OpenTelemetryMetric): {
    add(by: number, attributes: OpenTelemetryAttributes): void;
  };
  createHistogram(
    name: string,
    options: OpenTelemetryMetric & { advice: { explicitBucketBoundaries: number[] } },
  ): { record(value: number, attributes: OpenTelemetryAttributes): void };
  createObservableGauge(name: string, options: OpenTelemetryMetric): OpenTelemetryGauge;
  addBatchObservableCallback(
    read: (into: { observe(gauge: OpenTelemetryGauge, value: number): void }) => Promise<void>,
    gauges: OpenTelemetryGauge[],
  ): void;
}

/** What a metric is. */
export interface OpenTelemetryMetric {
  readonly description: string;
  readonly unit?: string;
}

/** What is read when it is exported. */
export interface OpenTelemetryGauge {
  addCallback(read: never): void;
}
