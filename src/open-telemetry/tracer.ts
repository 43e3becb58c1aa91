import { noTracer, type Span, type SpanOptions, type Tracer } from "../telemetry.ts";
import type {
  OpenTelemetryApi,
  OpenTelemetryContext,
  OpenTelemetrySpan,
  OpenTelemetryTracer,
} from "./api.ts";
import { formatTraceParent, parseTraceParent } from "./trace-parent.ts";

/** A span, and the context in which it is active. */
interface Begun {
  readonly traceParent: string;
  readonly span: OpenTelemetrySpan;
  readonly context: OpenTelemetryContext;
}

/**
 * A tracer by OpenTelemetry's API. What the API throws never reaches the work, which is done once
 * and with its own outcome in any case.
 */
export function createTracer(api: OpenTelemetryApi, name: string): Tracer {
  // Of an SDK that is registered later too.
  const spans = attempt(() => api.trace.getTracer(name));

  const within = <T>(context: OpenTelemetryContext, work: () => T): T => {
    let outcome: (() => T) | undefined;
    const once = () => void (outcome ??= outcomeOf(work));
    attempt(() => api.context.with(context, once));
    // Where the API has failed before.
    return (outcome ?? work)();
  };

  return {
    async trace(options, work) {
      const begun = attempt(() => spans && begin(api, spans, options));
      if (begun === undefined) return await noTracer.trace(options, work);
      try {
        return await within(begun.context, async () => await work(spanOf(api, begun)));
      } finally {
        attempt(() => begun.span.end());
      }
    },
    detached: (work) => within(api.ROOT_CONTEXT, work),
  };
}

function begin(
  { trace, context, ROOT_CONTEXT, SpanKind }: OpenTelemetryApi,
  tracer: OpenTelemetryTracer,
  { name, kind, attributes, link }: SpanOptions,
): Begun | undefined {
  // What is active where an attempt begins is whatever woke the worker: not what led to it.
  const parent = kind === "consumer" ? ROOT_CONTEXT : context.active();
  // Where an instrumentation of the server made a span for the request, there is one already. The
  // sender's own `traceparent` is not followed: who is not known yet, and may be anyone, must not
  // choose the trace in which this is found, nor that it is one which is kept.
  const isInner = kind === "server" && trace.getActiveSpan() !== undefined;
  const kinds = {
    server: SpanKind.SERVER,
    internal: SpanKind.INTERNAL,
    consumer: SpanKind.CONSUMER,
  };
  const linked = link ? parseTraceParent(link) : undefined;
  const span = tracer.startSpan(name, {
    kind: kinds[isInner ? "internal" : kind],
    attributes: { ...attributes },
    links: linked === undefined ? [] : [{ context: linked }],
  }, parent);
  const traceParent = formatTraceParent(span.spanContext());
  // Where nobody provides what is behind the API.
  if (traceParent === null) return undefined;
  return { traceParent, span, context: trace.setSpan(parent, span) };
}

function spanOf({ SpanStatusCode }: OpenTelemetryApi, { traceParent, span }: Begun): Span {
  return {
    traceParent,
    set: (attributes) => void attempt(() => span.setAttributes({ ...attributes })),
    fail: (message) => void attempt(() => span.setStatus({ code: SpanStatusCode.ERROR, message })),
  };
}

/** Does the work, and keeps what it returned or threw. */
function outcomeOf<T>(work: () => T): () => T {
  try {
    const value = work();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function attempt<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}
