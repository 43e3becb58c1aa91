// Every metric that there is: the names are fixed, as dashboards and alerts are written by them.

/** What happened, counted since this process began to. */
export type CounterName =
  | "imggo_webhooks_requests_total"
  | "imggo_webhooks_events_total"
  | "imggo_webhooks_duplicates_total"
  | "imggo_webhooks_rejected_total"
  | "imggo_webhooks_deliveries_total";

/** How long things took. */
export type HistogramName =
  | "imggo_webhooks_accept_duration_seconds"
  | "imggo_webhooks_delivery_duration_seconds";

/** How the storage is now. */
export type GaugeName =
  | "imggo_webhooks_storage_up"
  | "imggo_webhooks_backlog"
  | "imggo_webhooks_oldest_pending_seconds"
  | "imggo_webhooks_last_event_age_seconds"
  | "imggo_webhooks_dead"
  | "imggo_webhooks_quarantined"
  | "imggo_webhooks_overdue"
  | "imggo_webhooks_rejections"
  | "imggo_webhooks_spooled";

/** What a metric is. Those whose name ends in `_seconds` are in seconds. */
export interface Metric {
  readonly help: string;
}

/** A histogram, with the upper bounds of its buckets in seconds, lowest first. */
export interface HistogramMetric extends Metric {
  readonly bounds: readonly number[];
}

export const counters: Readonly<Record<CounterName, Metric>> = {
  imggo_webhooks_requests_total: {
    help:
      "Requests to the webhook or to a path at which there is nothing, by how they were answered.",
  },
  imggo_webhooks_events_total: {
    help: "Events that were stored, duplicates aside, by their name and how they came.",
  },
  imggo_webhooks_duplicates_total: {
    help: "Events that were stored before and came again.",
  },
  imggo_webhooks_rejected_total: {
    help: "Requests of which no event was stored, by the reason.",
  },
  imggo_webhooks_deliveries_total: {
    help: "Attempts to process an event that ended, by processor and by how.",
  },
};

export const histograms: Readonly<Record<HistogramName, HistogramMetric>> = {
  imggo_webhooks_accept_duration_seconds: {
    help: "How long the storage took to store an event or to know it for a duplicate.",
    // A sender is answered within 4.5 s.
    bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  },
  imggo_webhooks_delivery_duration_seconds: {
    help: "How long attempts to process an event took, by processor.",
    // An attempt is aborted after 60 s unless a setting says otherwise.
    bounds: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  },
};

export const gauges: Readonly<Record<GaugeName, Metric>> = {
  imggo_webhooks_storage_up: {
    help:
      "Whether the storage told all that is asked of it here (1), or failed or was too slow (0).",
  },
  imggo_webhooks_backlog: { help: "Deliveries that are pending or running." },
  imggo_webhooks_oldest_pending_seconds: {
    help: "Since when the delivery that waits longest could have run; 0 where none waits.",
  },
  imggo_webhooks_last_event_age_seconds: {
    help: "How long ago the last event came. Absent where there is none.",
  },
  imggo_webhooks_dead: { help: "Deliveries that were given up after their last attempt." },
  imggo_webhooks_quarantined: { help: "Events that were signed and could not be understood." },
  imggo_webhooks_overdue: { help: "Jobs whose end was expected by now and is not stored." },
  imggo_webhooks_rejections: {
    help: "Requests that were refused for their signature and are still kept.",
  },
  imggo_webhooks_spooled: {
    help: "Events that this process keeps in its spool until the storage takes them.",
  },
};
