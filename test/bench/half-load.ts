import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { paced } from "./load/paced.ts";
import { median } from "./median.ts";
import type { Part } from "./report.ts";
import { floor } from "./servers/floor.ts";
import { withSqlite } from "./servers/ours.ts";
import type { BenchServer } from "./servers/server.ts";

/** How long answers take at half of what ours can do: of ours, and of a floor that does the same work. */
export const benchHalfLoad: Part = async ({ folder, load, events, options, progress }) => {
  const ours = withSqlite("node");
  const prepared = await events();
  const half = Math.floor(prepared.count / 2);
  const measure = async (server: BenchServer, rate: number | undefined) => {
    const started = await server.start(await mkdtemp(join(folder, "half-")));
    try {
      const first = { ...prepared, skip: 0, count: half };
      const warmedUp = await load.run(started.url, first, options.seconds);
      if (rate === undefined) return { ...warmedUp, rate: warmedUp.perSecond / 2 };
      const rest = { ...prepared, skip: half, count: half };
      return { ...await paced(started.url, rest, rate, options.seconds), rate };
    } finally {
      await started.stop();
    }
  };
  const { rate } = await measure(ours, undefined);
  const found = new Map<string, { p50: number[]; p99: number[] }>();
  for (let round = 0; round < options.rounds; round++) {
    for (const server of [floor, ours]) {
      const { p50, p99 } = await measure(server, rate);
      const known = found.get(server.name) ?? { p50: [], p99: [] };
      found.set(server.name, { p50: [...known.p50, p50], p99: [...known.p99, p99] });
      progress(`${server.name}: p99 ${p99.toFixed(2)} ms`);
    }
  }
  const of = ({ name }: BenchServer, part: "p50" | "p99") => median(found.get(name)?.[part] ?? []);
  return {
    tables: [{
      title: `Half load: ${Math.round(rate)} requests a second, on 64 connections`,
      rows: [floor, ours].map((server) => ({
        what: server.name,
        "p50 ms": of(server, "p50").toFixed(2),
        "p99 ms": of(server, "p99").toFixed(2),
        "p99 ms, each round": (found.get(server.name)?.p99 ?? []).map((ms) => ms.toFixed(1))
          .join(" "),
      })),
    }],
    figures: {
      "half load p99 ms, floor": of(floor, "p99"),
      "half load p99 ms, ours": of(ours, "p99"),
    },
  };
};
