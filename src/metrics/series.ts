import { WebhookError, type WebhookErrorCode, webhookErrorCodes } from "../errors.ts";
import type { EventOrigin } from "../storage/storage.ts";
import type { AnswerCode, Attempted } from "../telemetry.ts";
import type { CounterName, HistogramName } from "./catalogue.ts";

/** The labels of one series, in the order in which they are written. */
export type Labels = Readonly<Record<string, string>>;

/** A metric with labels. */
export interface Series<Name extends string> {
  readonly name: Name;
  readonly labels: Labels;
}

const origins: readonly EventOrigin[] = ["webhook", "reconcile"];
const outcomes: readonly Attempted["result"][] = ["succeeded", "retry", "dead", "released", "lost"];
const eventNames = ["job.succeeded", "job.failed"];
const stored: readonly AnswerCode[] = ["received", "duplicate", "ignored"];
const quarantined: readonly AnswerCode[] = ["invalid_json", "invalid_payload"];
const refusals = webhookErrorCodes.filter((code) => !quarantined.includes(code));

/** The name of an event as a label: one that ImgGo does not have by now is a stranger's text. */
export function eventLabel(event: string | null): string {
  return event !== null && eventNames.includes(event) ? event : "other";
}

/** Whether a request with this answer left nothing behind that is an event. */
export function isRefusal(code: AnswerCode): code is WebhookErrorCode {
  return refusals.includes(code as WebhookErrorCode);
}

/**
 * Every series of the counters. They are told from the start: of one that shows only once it is 1,
 * nobody sees that it grew.
 */
export function counterSeries(processors: readonly string[]): Series<CounterName>[] {
  const of = (name: CounterName, labels: readonly Labels[]) =>
    labels.map((labels) => ({ name, labels }));
  return [
    ...of("imggo_webhooks_requests_total", [
      ...stored.map((code) => ({ status: "200", code })),
      ...webhookErrorCodes.map((code) => ({ status: `${new WebhookError(code).status}`, code })),
    ]),
    ...of(
      "imggo_webhooks_events_total",
      [...eventNames, "other"].flatMap((event) => origins.map((origin) => ({ event, origin }))),
    ),
    ...of("imggo_webhooks_duplicates_total", [{}]),
    ...of("imggo_webhooks_rejected_total", refusals.map((code) => ({ code }))),
    ...of(
      "imggo_webhooks_deliveries_total",
      processors.flatMap((processor) => outcomes.map((outcome) => ({ processor, outcome }))),
    ),
  ];
}

/** Every series of the histograms. */
export function histogramSeries(processors: readonly string[]): Series<HistogramName>[] {
  return [
    { name: "imggo_webhooks_accept_duration_seconds", labels: {} },
    ...processors.map((processor) => ({
      name: "imggo_webhooks_delivery_duration_seconds" as const,
      labels: { processor },
    })),
  ];
}
