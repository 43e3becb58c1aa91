import type { Observer } from "../telemetry.ts";
import type { CounterName, HistogramName } from "./catalogue.ts";
import { eventLabel, isRefusal, type Labels } from "./series.ts";

/** What counts and measures. */
export interface Instruments {
  count(name: CounterName, labels: Labels): void;
  measure(name: HistogramName, labels: Labels, seconds: number): void;
}

/** Counts and measures what a receiver tells. No label holds what a stranger has written. */
export function createRecorder(instruments: Instruments): Required<Observer> {
  return {
    answered({ status, code }) {
      instruments.count("imggo_webhooks_requests_total", { status: `${status}`, code });
      if (isRefusal(code)) instruments.count("imggo_webhooks_rejected_total", { code });
    },
    accepted({ event, origin, duplicate, durationMs }) {
      if (duplicate) instruments.count("imggo_webhooks_duplicates_total", {});
      else {
        const labels = { event: eventLabel(event), origin };
        instruments.count("imggo_webhooks_events_total", labels);
      }
      instruments.measure("imggo_webhooks_accept_duration_seconds", {}, durationMs / 1_000);
    },
    attempted({ processor, result: outcome, durationMs }) {
      instruments.count("imggo_webhooks_deliveries_total", { processor, outcome });
      if (durationMs === undefined) return;
      const seconds = durationMs / 1_000;
      instruments.measure("imggo_webhooks_delivery_duration_seconds", { processor }, seconds);
    },
  };
}
