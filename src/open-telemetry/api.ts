// What is used of the package `@opentelemetry/api`, 1.4 or newer: `import * as api` of it fits.

/** OpenTelemetry's API. */
export interface OpenTelemetryApi {
  /** Which context is active. */
  readonly context: {
    active(): OpenTelemetryContext;
    with(context: OpenTelemetryContext, work: () => unknown): unknown;
  };
  /** Makes spans, and puts them into contexts. */
  readonly trace: {
    getTracer(name: string): OpenTelemetryTracer;
    getTracerProvider(): unknown;
    getActiveSpan(): unknown;
    setSpan(context: OpenTelemetryContext, span: OpenTelemetrySpan): OpenTelemetryContext;
  };
  /** Makes what counts and measures. */
  readonly metrics: {
    getMeter(name: string): OpenTelemetryMeter;
    getMeterProvider(): unknown;
  };
  /** The context in which nothing is active. */
  readonly ROOT_CONTEXT: OpenTelemetryContext;
  /** On which side of a call a span is. */
  readonly SpanKind: {
    readonly INTERNAL: number;
    readonly SERVER: number;
    readonly CONSUMER: number;
  };
  /** How a span ended. */
  readonly SpanStatusCode: { readonly ERROR: number };
}

/** What is active: a span, mostly. */
export interface OpenTelemetryContext {
  /** What is kept under a key. */
  getValue(key: symbol): unknown;
}

/** Where a span is in its trace. */
export interface OpenTelemetrySpanContext {
  /** The trace's id: 32 hexadecimal digits. */
  readonly traceId: string;
  /** The span's id: 16 hexadecimal digits. */
  readonly spanId: string;
  /** The flags of W3C's `traceparent`, such as 1 for sampled. */
  readonly traceFlags: number;
  /** Whether it came from another process. */
  readonly isRemote?: boolean;
}

/** Makes spans. */
export interface OpenTelemetryTracer {
  /** Begins a span. */
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
  /** Where it is in its trace. */
  spanContext(): OpenTelemetrySpanContext;
  /** Says more of it. */
  setAttributes(attributes: OpenTelemetryAttributes): unknown;
  /** Says how it ended. */
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  /** Ends it. */
  end(): void;
}

/** What is said of a span, or of what was counted. */
export type OpenTelemetryAttributes = Record<string, string | number | boolean>;

/** Makes what counts and measures. */
export interface OpenTelemetryMeter {
  /** Makes what only grows. */
  createCounter(name: string, options: OpenTelemetryMetric): {
    add(by: number, attributes: OpenTelemetryAttributes): void;
  };
  /** Makes what is spread over buckets. */
  createHistogram(
    name: string,
    options: OpenTelemetryMetric & { advice: { explicitBucketBoundaries: number[] } },
  ): { record(value: number, attributes: OpenTelemetryAttributes): void };
  /** Makes what is read when it is exported. */
  createObservableGauge(name: string, options: OpenTelemetryMetric): OpenTelemetryGauge;
  /** Reads several gauges at once. */
  addBatchObservableCallback(
    read: (into: { observe(gauge: OpenTelemetryGauge, value: number): void }) => Promise<void>,
    gauges: OpenTelemetryGauge[],
  ): void;
}

/** What a metric is. */
export interface OpenTelemetryMetric {
  /** What it counts or measures. */
  readonly description: string;
  /** The unit, by UCUM: `s`, `By`, `{event}`. */
  readonly unit?: string;
}

/** What is read when it is exported. */
export interface OpenTelemetryGauge {
  /** Is called whenever it is read. */
  addCallback(read: never): void;
}
