import { counters, histograms } from "../metrics/catalogue.ts";
import type { Instruments } from "../metrics/recorder.ts";
import { counterSeries } from "../metrics/series.ts";
import type { OpenTelemetryMeter } from "./api.ts";

/**
 * The counters and histograms, under the names that they have as text.
 *
 * @param processors Their series are told before they have run.
 */
export function createInstruments(
  meter: OpenTelemetryMeter,
  processors: readonly string[],
): Instruments {
  const counting = mapValues(
    counters,
    ({ help }, name) => meter.createCounter(name, { description: help }),
  );
  const measuring = mapValues(histograms, ({ help, bounds }, name) =>
    meter.createHistogram(name, {
      description: help,
      unit: "s",
      advice: { explicitBucketBoundaries: [...bounds] },
    }));
  for (const { name, labels } of counterSeries(processors)) counting[name].add(0, { ...labels });
  return {
    count: (name, labels) => counting[name].add(1, { ...labels }),
    measure: (name, labels, seconds) => measuring[name].record(seconds, { ...labels }),
  };
}

/** The same names, with what is made of each value. */
function mapValues<Name extends string, Value, Made>(
  record: Readonly<Record<Name, Value>>,
  make: (value: Value, name: Name) => Made,
): Record<Name, Made> {
  const made = Object.entries(record).map(([name, value]) => [
    name,
    make(value as Value, name as Name),
  ]);
  return Object.fromEntries(made) as Record<Name, Made>;
}
