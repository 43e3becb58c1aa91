import type { Verdict } from "./ledger.ts";
import type { LoadCounts } from "./load.ts";
import type { Curve, Samples } from "./samples.ts";

/** What a run came to. */
export interface Outcome {
  readonly seconds: number;
  readonly counts: LoadCounts;
  readonly faults: Readonly<Record<string, number>>;
  readonly verdict: Verdict;
  readonly samples: Samples;
  /** Whatever else went wrong, each in a sentence. */
  readonly problems: readonly string[];
}

const width = 640;
const height = 110;
const colours = ["#1f6feb", "#d1570a", "#2da44e"];

/** Curves over time, as SVG: the axis begins at 0. */
export function chart(title: string, curves: Readonly<Record<string, Curve>>): string {
  const most = Math.max(1, ...Object.values(curves).flat().filter(Number.isFinite));
  const lines = Object.entries(curves).map(([name, values], index) => {
    const points = values.flatMap((value, at) => {
      const x = width * at / Math.max(1, values.length - 1);
      return Number.isFinite(value)
        ? [`${x.toFixed(1)},${(height - height * value / most).toFixed(1)}`]
        : [];
    });
    const colour = colours[index % colours.length];
    return `<polyline fill="none" stroke="${colour}" points="${points.join(" ")}"/>
<text x="${8 + 110 * index}" y="${height + 16}" fill="${colour}">${name}</text>`;
  });
  return `<figure><figcaption>${title}: up to ${most.toFixed(most < 10 ? 1 : 0)}</figcaption>
<svg viewBox="0 0 ${width} ${height + 24}" role="img" aria-label="${title}">
<path d="M0 ${height}H${width}" stroke="#888"/>${lines.join("\n")}</svg></figure>`;
}

/** The rows of the summary, of which the first two must be 0. */
export function summary(
  { seconds, counts, faults, verdict, samples }: Outcome,
): [string, string][] {
  const list = (some: Readonly<Record<string, number>>) =>
    Object.entries(some).map(([name, count]) => `${name}: ${count}`).join(", ") || "none";
  const latest = samples["Time to a 200, ms"] ?? {};
  const middle = (curve: Curve = []) => {
    const sorted = curve.filter(Number.isFinite).sort((one, other) => one - other);
    return (sorted[Math.floor(sorted.length / 2)] ?? NaN).toFixed(1);
  };
  const ends = (curves: Readonly<Record<string, Curve>> = {}) =>
    Object.entries(curves).map(([name, curve]) => {
      const seen = curve.filter(Number.isFinite);
      return `${name} ${seen[0]?.toFixed(0)} → ${seen.at(-1)?.toFixed(0)} (most ${
        Math.max(0, ...seen).toFixed(0)
      })`;
    }).join("; ");
  return [
    ["lost", String(verdict.lost.length)],
    ["twice", String(verdict.twice.length)],
    ["time", `${(seconds / 60).toFixed(1)} min`],
    [
      "requests",
      `${counts.sent}, of them ${counts.duplicates} duplicates, ${counts.forged} forged, ${counts.slow} slow`,
    ],
    ["answers", list(counts.answers)],
    ["events acknowledged", String(verdict.acknowledged)],
    ["events stored", `${verdict.stored}, ${verdict.unacknowledged} of them without an answer`],
    ["deliveries", `${verdict.succeeded} succeeded, ${verdict.dead} given up on purpose`],
    ["runs repeated", String(verdict.repeatedRuns)],
    ["faults", list(faults)],
    [
      "time to a 200",
      `p50 ${middle(latest["p50"])} ms, p99 ${middle(latest["p99"])} ms (medians of the samples)`,
    ],
    ["memory, MB", ends(samples["Memory (RSS), MB"])],
    ["open handles", ends(samples["Open file handles"])],
    ["files, MB", ends(samples["File sizes, MB"])],
  ];
}

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** One page of HTML that needs nothing else. */
export function report(outcome: Outcome): string {
  const { verdict, problems, counts, samples } = outcome;
  const rows = summary(outcome).map(([name, value]) => `<tr><th>${name}<td>${escape(value)}`);
  const wrong = [...verdict.lost, ...verdict.twice, ...problems, ...counts.wrong].slice(0, 50);
  const charts = Object.entries(samples).map(([title, curves]) => chart(title, curves));
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Soak</title>
<style>body{font:14px sans-serif;max-width:${width}px;margin:2em auto}th{text-align:left;
vertical-align:top;padding-right:1em;white-space:nowrap}svg{width:100%}figure{margin:1em 0}</style>
<h1>${isSound(outcome) ? "Nothing lost, nothing twice" : "Something went wrong"}</h1>
<table>${rows.join("\n")}</table>
${wrong.length === 0 ? "" : `<ul>${wrong.map((each) => `<li>${escape(each)}`).join("\n")}</ul>`}
${charts.join("\n")}</html>
`;
}

/** Whether everything was as it was promised. */
export function isSound({ verdict, problems, counts }: Outcome): boolean {
  return [verdict.lost, verdict.twice, problems, counts.wrong].every((all) => all.length === 0);
}
