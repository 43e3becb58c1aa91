import { counters, gauges, histograms, type Metric } from "./catalogue.ts";
import type { Measured, Registry } from "./registry.ts";
import type { StorageGauges } from "./storage-gauges.ts";

/**
 * A text format that is scraped: OpenMetrics 1.0, or the one of Prometheus before it.
 *
 * @see https://prometheus.io/docs/specs/om/open_metrics_spec/
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export type ExpositionFormat = "openmetrics" | "prometheus";

/** What an answer in a format is called. */
export const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
};

/** Writes what was counted and measured, and how the storage is. */
export function exposition(
  { counted, measured }: Registry,
  storage: StorageGauges,
  format: ExpositionFormat,
): string {
  const lines = [
    ...entries(counters).flatMap(([name, metric]) => [
      // Only the samples of OpenMetrics have the ending, not what they are a family of.
      ...head(
        format === "openmetrics" ? name.replace(/_total$/, "") : name,
        "counter",
        metric,
        format,
      ),
      ...[...counted[name]].map(([labels, value]) => sample(name, labels, value)),
    ]),
    ...entries(histograms).flatMap(([name, metric]) => [
      ...head(name, "histogram", metric, format),
      ...[...measured[name]].flatMap(([labels, values]) =>
        histogramSamples(name, labels, metric.bounds, values)
      ),
    ]),
    ...entries(gauges).flatMap(([name, metric]) => {
      const value = storage[name];
      if (value === undefined) return [];
      return [...head(name, "gauge", metric, format), sample(name, "", value)];
    }),
    ...(format === "openmetrics" ? ["# EOF"] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function head(
  family: string,
  type: "counter" | "histogram" | "gauge",
  { help }: Metric,
  format: ExpositionFormat,
): string[] {
  const hasUnit = format === "openmetrics" && family.endsWith("_seconds");
  return [
    `# TYPE ${family} ${type}`,
    ...(hasUnit ? [`# UNIT ${family} seconds`] : []),
    `# HELP ${family} ${help}`,
  ];
}

function histogramSamples(
  name: string,
  labels: string,
  bounds: readonly number[],
  { counts, sum }: Measured,
): string[] {
  let count = 0;
  const buckets = counts.map((inBucket, index) => {
    count += inBucket;
    const bound = `le="${boundText(bounds[index] ?? Infinity)}"`;
    return sample(`${name}_bucket`, labels === "" ? bound : `${labels},${bound}`, count);
  });
  return [
    ...buckets,
    sample(`${name}_count`, labels, count),
    sample(`${name}_sum`, labels, sum),
  ];
}

function sample(name: string, labels: string, value: number): string {
  return `${name}${labels === "" ? "" : `{${labels}}`} ${value}`;
}

/** The same in both formats, so that who changes the format keeps the series. */
function boundText(bound: number): string {
  if (bound === Infinity) return "+Inf";
  return Number.isInteger(bound) ? `${bound}.0` : `${bound}`;
}

function entries<Name extends string, Value>(
  record: Readonly<Record<Name, Value>>,
): (readonly [Name, Value])[] {
  return Object.entries(record) as [Name, Value][];
}
