import type { Figures } from "./report.ts";
import type { Table } from "./table.ts";

/** What must be reached. */
interface Target {
  readonly what: string;
  /** From what was measured; NaN where something of it was not. */
  readonly value: (figure: (name: string) => number) => number;
  readonly atLeast?: number;
  readonly atMost?: number;
}

const accept = (name: string) => `accept a second, ${name}`;
const ratio = (name: string, base: string): Target["value"] => (figure) =>
  figure(accept(name)) / figure(accept(base));

const floor = "floor: node:http, createHmac";
const express = "Express sample";
const [node, bun, deno] = ["Node.js", "Bun", "Deno"].map((name) => `ours: ${name}, SQLite`) as [
  string,
  string,
  string,
];

const targets: readonly Target[] = [
  { what: "accept on Node.js ÷ floor", value: ratio(node, floor), atLeast: 0.7 },
  { what: "accept on Node.js ÷ Express", value: ratio(node, express), atLeast: 1 },
  { what: "accept on Bun ÷ floor", value: ratio(bun, floor), atLeast: 1.2 },
  { what: "accept on Bun ÷ Express", value: ratio(bun, express), atLeast: 1.8 },
  { what: "accept on Deno ÷ floor", value: ratio(deno, floor), atLeast: 0.9 },
  { what: "accept on Deno ÷ Express", value: ratio(deno, express), atLeast: 1.3 },
  {
    what: "accept on Node.js ÷ Flask",
    value: ratio(node, "Flask sample, gunicorn, 2 workers"),
    atLeast: 5,
  },
  {
    what: "accept on Node.js ÷ Go webhook",
    value: ratio(node, "Go webhook, runs /bin/true"),
    atLeast: 5,
  },
  {
    what: "p99 of accept at half load ÷ floor's",
    value: (figure) => figure("half load p99 ms, ours") / figure("half load p99 ms, floor"),
    atMost: 2,
  },
  {
    what: "accept to processed ÷ accept, Node.js",
    value: (figure) => figure("processed a second") / figure("accepted a second, no processing"),
    atLeast: 0.6,
  },
  {
    what: "answer to processor start, p50 in ms",
    value: (figure) => figure("answer to processor start p50 ms"),
    atMost: 2,
  },
  {
    what: "PostgreSQL deliveries ÷ graphile-worker's",
    value: (figure) =>
      figure("deliveries a second, ours") / figure("deliveries a second, graphile-worker"),
    atLeast: 1,
  },
  {
    what: "accept p99 at 1,000,000 stored ÷ at 0",
    value: (figure) => figure("accept p99 ms at 1000000") / figure("accept p99 ms at 0"),
    atMost: 1.5,
  },
  {
    what: "memory, 64 × 1 MiB at once, Node.js, in MB",
    value: (figure) => figure("peak MB, 64 × 1 MiB, Node.js"),
    atMost: 250,
  },
  {
    what: "Worker with D1, gzipped, in kB",
    value: (figure) => figure("Worker kB gzipped"),
    atMost: 25,
  },
];

/** Whether each target is met by what was measured. */
export function checkTargets(figures: Figures): Table {
  const figure = (name: string) => figures[name] ?? NaN;
  const rows = targets.map(({ what, value, atLeast, atMost }) => {
    const reached = value(figure);
    const met = reached >= (atLeast ?? -Infinity) && reached <= (atMost ?? Infinity);
    return {
      what,
      reached: Number.isNaN(reached) ? "not measured" : reached.toFixed(2),
      "must reach": atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`,
      "": Number.isNaN(reached) ? "" : met ? "met" : "NOT MET",
    };
  });
  return { title: "Targets", rows };
}
