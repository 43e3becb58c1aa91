import type { Events } from "./events.ts";
import type { Load } from "./load/load.ts";
import type { BenchOptions } from "./options.ts";
import type { PostgresDatabases } from "./servers/postgres-databases.ts";
import type { Table } from "./table.ts";

/** What was measured, by what it is called: what targets are checked on, and what is kept as JSON. */
export type Figures = Readonly<Record<string, number>>;

/** What a part of the benchmark found. */
export interface Report {
  readonly tables: readonly Table[];
  readonly figures: Figures;
}

/** What each part of the benchmark works with. */
export interface Bench {
  readonly options: BenchOptions;
  /** A temporary one, on a disk. */
  readonly folder: string;
  readonly load: Load;
  /** Prepares the signed events, at the first call. */
  events(): Promise<Events>;
  readonly databases: PostgresDatabases;
  /** Is told what was measured. */
  progress(line: string): void;
}

/** A part of the benchmark. */
export type Part = (bench: Bench) => Promise<Report>;
