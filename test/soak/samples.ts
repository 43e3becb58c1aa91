import { readdirSync, readFileSync, statSync } from "node:fs";
import type { LoadCounts } from "./load.ts";
import type { SoakServer } from "./server.ts";

/** A curve of a chart: a number for each sample, NaN where there is none. */
export type Curve = readonly number[];

/** What was measured, by the chart that shows it and by curve. */
export type Samples = Readonly<Record<string, Record<string, number[]>>>;

/** Measures again and again. */
export interface Sampler {
  readonly samples: Samples;
  /** Seconds between two of them. */
  readonly everySeconds: number;
  stop(): void;
}

const orNaN = (measure: () => number): number => {
  try {
    return measure();
  } catch {
    return NaN;
  }
};

const quantile = (sorted: readonly number[], part: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;

/** Begins to sample. Memory and handles are those that Linux tells of. */
export function startSampler(
  { servers, file, counts, everySeconds }: {
    readonly servers: readonly SoakServer[];
    readonly file: string;
    readonly counts: LoadCounts;
    readonly everySeconds: number;
  },
): Sampler {
  const samples = {
    "Memory (RSS), MB": {} as Record<string, number[]>,
    "Open file handles": {} as Record<string, number[]>,
    "File sizes, MB": {} as Record<string, number[]>,
    "Answers a second": {} as Record<string, number[]>,
    "Time to a 200, ms": {} as Record<string, number[]>,
  };
  let before: Record<string, number> = {};
  const add = (chart: keyof typeof samples, curve: string, value: number) => {
    (samples[chart][curve] ??= []).push(value);
  };
  const take = () => {
    for (const [index, server] of servers.entries()) {
      const proc = `/proc/${server.pid()}`;
      const name = `server ${index + 1}`;
      const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`${proc}/status`, "utf8"))?.[1]);
      add("Memory (RSS), MB", name, orNaN(rss) / 1_024);
      add("Open file handles", name, orNaN(() => readdirSync(`${proc}/fd`).length));
    }
    for (const [name, end] of [["database", ""], ["WAL", "-wal"]] as const) {
      add("File sizes, MB", name, orNaN(() => statSync(file + end).size) / 1_048_576);
    }
    for (const answer of ["200", "503", "none"]) {
      const now = counts.answers[answer] ?? 0;
      add("Answers a second", answer, (now - (before[answer] ?? 0)) / everySeconds);
    }
    before = { ...counts.answers };
    const sorted = counts.latencies.sort((one, other) => one - other);
    add("Time to a 200, ms", "p50", quantile(sorted, 0.5));
    add("Time to a 200, ms", "p99", quantile(sorted, 0.99));
    counts.latencies = [];
  };
  const timer = setInterval(take, everySeconds * 1_000);
  return { samples, everySeconds, stop: () => clearInterval(timer) };
}
