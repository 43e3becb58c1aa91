import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

/** The parts of the benchmark, in their order. */
export const sections = [
  "accept",
  "half-load",
  "queue",
  "memory",
  "growth",
  "edge",
] as const;
/** Those that a quick run has. */
const quickSections: readonly SectionName[] = ["accept", "edge"];
export type SectionName = (typeof sections)[number];

/** How the benchmark is run. */
export interface BenchOptions {
  readonly only: readonly SectionName[];
  readonly quick: boolean;
  /** Of those that accept, only servers whose name holds one of these; undefined: all. */
  readonly servers: readonly string[] | undefined;
  /** Where what was measured is written as JSON. */
  readonly json: string;
  /** How many events are prepared. */
  readonly events: number;
  readonly rounds: number;
  /** How long each round lasts. */
  readonly seconds: number;
  /** With how many stored events, at the most, growth is measured. */
  readonly most: number;
}

/**
 * Reads the command line.
 *
 * @throws {TypeError} which says what was expected.
 */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      servers: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "string", default: join(tmpdir(), "imggo-webhooks-bench.json") },
      events: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      most: { type: "string" },
    },
  });
  const { quick, json, only = (quick ? quickSections : sections).join(",") } = values;
  const names = only.split(",").map((name) => {
    const known = sections.find((each) => each === name);
    if (known === undefined) {
      throw new TypeError(`--only: expected some of ${sections.join(",")}, got ${name}.`);
    }
    return known;
  });
  const whole = (name: "events" | "rounds" | "seconds" | "most", otherwise: number) => {
    const value = Number(values[name] ?? otherwise);
    if (Number.isSafeInteger(value) && value >= 1) return value;
    throw new TypeError(`--${name}: expected a whole number of at least 1, got ${values[name]}.`);
  };
  return {
    only: names,
    quick,
    servers: values.servers?.split(","),
    json,
    events: whole("events", quick ? 100_000 : 200_000),
    rounds: whole("rounds", quick ? 2 : 3),
    seconds: whole("seconds", quick ? 1 : 2),
    most: whole("most", 1_000_000),
  };
}
