/** One line that holds a number. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with all of its samples. */
export interface Family {
  readonly type: string;
  readonly help: string;
  readonly unit: string | undefined;
  readonly samples: readonly Sample[];
}

type Format = "openmetrics" | "prometheus";

const suffixes: Record<Format, Record<string, readonly string[]>> = {
  openmetrics: { counter: ["_total"], gauge: [""], histogram: ["_bucket", "_count", "_sum"] },
  prometheus: { counter: [""], gauge: [""], histogram: ["_bucket", "_count", "_sum"] },
};

/**
 * Reads a text of metrics, strictly: whatever OpenMetrics 1.0, or the format of Prometheus, forbids
 * or advises against throws, with the line that does it.
 */
export function parseExposition(text: string, format: Format): ReadonlyMap<string, Family> {
  const families = new Map<string, Family & { samples: Sample[] }>();
  const series = new Set<string>();
  let current = "";
  let metadata: Record<string, string> = {};

  const lines = text.split("\n");
  if (lines.pop() !== "") throw new Error("The text does not end with a line end.");
  if (format === "openmetrics" && lines.pop() !== "# EOF") throw new Error("It has no # EOF.");
  for (const line of lines) {
    const fail = (reason: string): never => {
      throw new Error(`${reason}: ${line}`);
    };
    if (line.startsWith("#")) {
      const [, keyword = "", name = "", rest = ""] =
        /^# (TYPE|HELP|UNIT) ([a-z][a-z0-9_]*) (.+)$/.exec(line) ?? fail("no such comment");
      if (name !== current) {
        current = name;
        metadata = {};
        if (families.has(name)) fail("a family in two places");
      }
      if (families.has(name)) fail("metadata after a sample");
      if (keyword in metadata) fail("said twice");
      if (keyword === "UNIT" && (format === "prometheus" || !name.endsWith(`_${rest}`))) {
        fail("a unit that is not in the name");
      }
      if (keyword === "HELP" && /["\\]/.test(rest)) fail("a help to be escaped");
      metadata[keyword] = rest;
      continue;
    }
    const { TYPE: type = "", HELP: help = fail("no help"), UNIT: unit } = metadata;
    const sample = parseSample(line) ?? fail("no sample");
    const allowed = suffixes[format][type] ?? fail("no such type");
    if (!allowed.some((suffix) => sample.name === current + suffix)) fail("of another family");
    if (type === "counter" && !sample.name.endsWith("_total")) fail("a counter without _total");
    if (type !== "counter" && current.endsWith("_total")) fail("_total, and no counter");
    if ("le" in sample.labels !== sample.name.endsWith("_bucket")) fail("le where it is not to be");
    if (Number.isNaN(sample.value)) fail("not a number");
    if (type !== "gauge" && sample.value < 0) fail("below 0");
    const id = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
    if (series.has(id)) fail("twice");
    series.add(id);
    const family = families.get(current) ?? { type, help, unit, samples: [] };
    families.set(current, family);
    family.samples.push(sample);
  }
  for (const [name, { type, samples }] of families) {
    if (type === "histogram") checkHistogram(name, samples);
  }
  return families;
}

function parseSample(line: string): Sample | undefined {
  const pair = String.raw`[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"`;
  const form = new RegExp(String.raw`^([a-z][a-z0-9_]*)(?:\{(${pair}(?:,${pair})*)\})? (\S+)$`);
  const [, name, inBraces = "", value = ""] = form.exec(line) ?? [];
  if (name === undefined || !/^(?:-?\d+(?:\.\d+)?(?:e[+-]\d+)?|\+Inf|NaN)$/.test(value)) return;
  const labels: Record<string, string> = {};
  for (const [, label = "", escaped = ""] of inBraces.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) {
    if (label in labels || label.startsWith("__")) return;
    labels[label] = escaped.replace(/\\(.)/g, (_, each) => each === "n" ? "\n" : each);
  }
  return { name, labels, value: numberOf(value) };
}

function numberOf(text: string): number {
  return text === "+Inf" ? Infinity : Number(text);
}

/** That of each set of labels the buckets grow to what was counted, in one piece. */
function checkHistogram(name: string, samples: readonly Sample[]): void {
  const groups: Sample[][] = [];
  const seen = new Set<string>();
  let last: string | undefined;
  for (const each of samples) {
    const { le: _, ...labels } = each.labels;
    const group = JSON.stringify(labels);
    if (group !== last) {
      if (seen.has(group)) throw new Error(`${name}${group} is in two places.`);
      groups.push([]);
    }
    seen.add(last = group);
    groups.at(-1)?.push(each);
  }
  for (const group of groups) {
    const values = (suffix: string) => group.filter((each) => each.name === name + suffix);
    const bounds = values("_bucket").map(({ labels }) => numberOf(labels["le"] ?? ""));
    const counts = values("_bucket").map(({ value }) => value);
    const grows = (numbers: readonly number[], strictly: boolean) =>
      numbers.every((each, at) =>
        at === 0 || each > numbers[at - 1]! || (!strictly && each === numbers[at - 1])
      );
    if (!grows(bounds, true) || bounds.at(-1) !== Infinity) {
      throw new Error(`${name} has buckets out of order, or none for all: ${bounds}.`);
    }
    if (!grows(counts, false)) throw new Error(`${name} has buckets that shrink: ${counts}.`);
    const [count, ...more] = values("_count");
    if (count?.value !== counts.at(-1) || more.length > 0 || values("_sum").length !== 1) {
      throw new Error(`${name} has no one count that is its last bucket, or no one sum.`);
    }
  }
}
