import type { OpenTelemetrySpanContext } from "./api.ts";

// https://www.w3.org/TR/trace-context/#traceparent-header
const form = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/;

/** A span's place as `traceparent` names it; null of one that is traced nowhere. */
export function formatTraceParent(context: OpenTelemetrySpanContext): string | null {
  const { traceId, spanId, traceFlags } = context;
  const flags = (traceFlags & 0xff).toString(16).padStart(2, "0");
  const text = `00-${traceId}-${spanId}-${flags}`;
  return form.test(text) ? text : null;
}

/** The place that a `traceparent` names; undefined where it names none. */
export function parseTraceParent(text: string): OpenTelemetrySpanContext | undefined {
  const [, traceId, spanId, flags] = form.exec(text) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}
