/**
 * Traces and metrics by OpenTelemetry.
 *
 * @module
 */
import { createRecorder } from "./metrics/recorder.ts";
import type { OpenTelemetryApi } from "./open-telemetry/api.ts";
import { flush } from "./open-telemetry/flush.ts";
import { createInstruments } from "./open-telemetry/instruments.ts";
import { observeGauges } from "./open-telemetry/observed-gauges.ts";
import { createTracer } from "./open-telemetry/tracer.ts";
import { describeError } from "./describe-error.ts";
import type { Plugin } from "./plugin.ts";
import type { Storage } from "./storage/storage.ts";
import type { Observer } from "./telemetry.ts";

export type {
  OpenTelemetryApi,
  OpenTelemetryAttributes,
  OpenTelemetryContext,
  OpenTelemetryGauge,
  OpenTelemetryMeter,
  OpenTelemetryMetric,
  OpenTelemetrySpan,
  OpenTelemetrySpanContext,
  OpenTelemetryTracer,
} from "./open-telemetry/api.ts";

const scope = "imggo-webhooks";

/**
 * Makes a plugin that traces and measures by OpenTelemetry's API, whoever provides what is behind it:
 * an SDK, or Deno with `OTEL_DENO=true`. Where nobody does, it does nothing.
 *
 * Each request is a span, in it one for what is stored, and each attempt to process an event is the
 * root of a trace of its own, linked to the span in which the event was stored. The metrics are those
 * of `/metrics`. Register the SDK before: metrics that were made without it stay silent.
 *
 * @param api The package `@opentelemetry/api`, 1.4 or newer. Handed in, so that who does not use it
 * need not install it.
 *
 * @example
 * ```ts
 * import * as api from "@opentelemetry/api";
 * import { createReceiver } from "imggo-webhooks";
 * import { openTelemetry } from "imggo-webhooks/open-telemetry";
 * import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
 *
 * const receiver = createReceiver({
 *   secret: "the secret that ImgGo showed once",
 *   storage: sqliteStorage("./imggo-webhooks.db"),
 *   plugins: [openTelemetry(api)],
 * });
 * ```
 */
export function openTelemetry(api: OpenTelemetryApi): Plugin {
  // Where each request has a receiver, these outlive them: an SDK forgets no instrument.
  let observer: Observer | undefined;
  let latest: Storage;

  return ({ storage, processors, logger }) => {
    latest = storage;
    try {
      observer ??= measure(api, processors, () => latest);
    } catch (error) {
      observer = {};
      logger.warn("OpenTelemetry measures nothing", { error: describeError(error) });
    }
    return { observer, tracer: createTracer(api, scope), flush: () => flush(api) };
  };
}

function measure(
  { metrics }: OpenTelemetryApi,
  processors: readonly string[],
  storage: () => Storage,
): Observer {
  const meter = metrics.getMeter(scope);
  observeGauges(meter, storage);
  return createRecorder(createInstruments(meter, processors));
}
