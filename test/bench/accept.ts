import { median } from "./median.ts";
import type { Part } from "./report.ts";
import { type Round, runRounds, warmUpSeconds } from "./rounds.ts";
import { expressSample, floor } from "./servers/floor.ts";
import { flaskSample } from "./servers/flask.ts";
import { webhookIdle, webhookRunning } from "./servers/go-webhook.ts";
import { inMemory, withPostgres, withSqlite } from "./servers/ours.ts";
import type { PostgresDatabases } from "./servers/postgres-databases.ts";
import type { BenchServer } from "./servers/server.ts";
import { inWorkerd } from "./servers/worker.ts";

/** Those whose ratios are close to what they must reach: they get every round. */
const close = [
  floor,
  expressSample,
  ...(["node", "bun", "deno"] as const).map(withSqlite),
];

/** Those that are far from it, or only shown beside: fewer rounds will do. */
const beside = (databases: PostgresDatabases) => [
  ...[inMemory, withPostgres(databases), inWorkerd],
  ...[flaskSample, webhookRunning, webhookIdle],
];

/** How many events each server takes in a second, in medians of rounds. */
export const benchAccept: Part = async ({ databases, options, ...bench }) => {
  const isMeant = ({ name }: BenchServer) =>
    options.servers === undefined || options.servers.some((each) => name.includes(each));
  const all = [...close, ...options.quick ? [flaskSample, webhookRunning] : beside(databases)];
  const present: BenchServer[] = [];
  const missing: Readonly<Record<string, string>>[] = [];
  for (const server of all.filter(isMeant)) {
    const installedBy = await server.absent?.();
    if (installedBy === undefined) present.push(server);
    else missing.push({ what: server.name, "a second": `absent: ${installedBy}` });
  }
  const rounds = await runRounds({
    ...bench,
    events: await bench.events(),
    plan: Array.from(
      { length: options.rounds },
      (_, round) => present.filter((server) => close.includes(server) || round === 0),
    ),
    seconds: options.seconds,
  });
  const of = (name: string, value: (round: Round) => number) =>
    median(rounds.get(name)?.map(value) ?? []);
  const rateOf = (name: string) => of(name, ({ perSecond }) => perSecond);
  const shown = (value: number, digits: number) => Number.isNaN(value) ? "" : value.toFixed(digits);
  const rows = present.map(({ name }) => {
    const rate = rateOf(name);
    return {
      what: name,
      "a second": shown(rate, 0),
      "÷ floor": shown(rate / rateOf(floor.name), 2),
      "÷ Express": shown(rate / rateOf(expressSample.name), 2),
      "p50 ms": shown(of(name, ({ p50 }) => p50), 2),
      "p99 ms": shown(of(name, ({ p99 }) => p99), 2),
      "CPU µs each": shown(of(name, ({ cpuMicroseconds = NaN }) => cpuMicroseconds), 0),
      "a second, each round": (rounds.get(name) ?? []).map((each) => shown(each.perSecond, 0))
        .join(" "),
    };
  });
  const title = `Accept: ${bench.load.name}, 64 connections, medians of rounds of ` +
    `${options.seconds} s after a warm-up of ${warmUpSeconds} s`;
  return {
    tables: [{ title, rows: [...rows, ...missing] }],
    figures: Object.fromEntries(
      present.map(({ name }) => [`accept a second, ${name}`, rateOf(name)]),
    ),
  };
};
