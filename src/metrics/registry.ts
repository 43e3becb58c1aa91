import { type CounterName, counters, type HistogramName, histograms } from "./catalogue.ts";
import type { Instruments } from "./recorder.ts";
import { counterSeries, histogramSeries, type Labels } from "./series.ts";

/** What a histogram has measured for one set of labels. */
export interface Measured {
  /** How many were in each bucket, those of none in the last. */
  readonly counts: number[];
  sum: number;
}

/** What was counted and measured, by metric and then by labels as they are written. */
export interface Registry extends Instruments {
  /** Gives these processors their series, if they have none. */
  know(processors: readonly string[]): void;
  readonly counted: Readonly<Record<CounterName, ReadonlyMap<string, number>>>;
  readonly measured: Readonly<Record<HistogramName, ReadonlyMap<string, Measured>>>;
}

/** Makes an empty registry. */
export function createRegistry(): Registry {
  const counted = mapsFor<CounterName, number>(counters);
  const measured = mapsFor<HistogramName, Measured>(histograms);

  const add = (name: CounterName, labels: Labels, by: number) => {
    const key = labelText(labels);
    counted[name].set(key, (counted[name].get(key) ?? 0) + by);
  };
  const measuredOf = (name: HistogramName, labels: Labels): Measured => {
    const key = labelText(labels);
    const known = measured[name].get(key);
    if (known !== undefined) return known;
    const made = { counts: [...histograms[name].bounds, Infinity].map(() => 0), sum: 0 };
    measured[name].set(key, made);
    return made;
  };

  return {
    counted,
    measured,
    count: (name, labels) => add(name, labels, 1),
    measure(name, labels, seconds) {
      const into = measuredOf(name, labels);
      const { bounds } = histograms[name];
      const fitting = bounds.findIndex((bound) => seconds <= bound);
      const bucket = fitting < 0 ? bounds.length : fitting;
      into.counts[bucket] = (into.counts[bucket] ?? 0) + 1;
      into.sum += seconds;
    },
    know(processors) {
      for (const { name, labels } of counterSeries(processors)) add(name, labels, 0);
      for (const { name, labels } of histogramSeries(processors)) measuredOf(name, labels);
    },
  };
}

/** Labels as they stand between braces, in either format. */
function labelText(labels: Labels): string {
  let text = "";
  for (const name in labels) {
    text += `${text && ","}${name}="${escaped(labels[name] ?? "")}"`;
  }
  return text;
}

function escaped(value: string): string {
  // Mostly there is nothing to do, and this is done several times for each request.
  if (!/["\\\n]/.test(value)) return value;
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function mapsFor<Name extends string, Value>(
  metrics: Readonly<Record<Name, unknown>>,
): Record<Name, Map<string, Value>> {
  const maps = Object.keys(metrics).map((name) => [name, new Map()]);
  return Object.fromEntries(maps) as Record<Name, Map<string, Value>>;
}
