/** Sources, and the fast tests that are to notice what is changed in them. */
export interface Target {
  readonly name: string;
  /** Below `src`: files, and folders of them. */
  readonly sources: readonly string[];
  /** Below `test`, as vitest takes them. */
  readonly tests: readonly string[];
  /** What is tried as well, one after another, with what those do not notice: it takes longer. */
  readonly thorough?: readonly string[];
  /** What the tests run on. Default Node.js. */
  readonly runtime?: "deno";
  /** So many of them at the most, chosen by chance: of what takes long. Default all. */
  readonly sample?: number;
}

/** What the check is about: what a result's fate hangs on. */
export const targets: readonly Target[] = [
  {
    name: "signature",
    sources: ["signature.ts"],
    tests: ["signature.test.ts", "receiver/signatures.test.ts"],
  },
  {
    name: "event",
    sources: ["event.ts", "job-fields.ts", "new-event.ts"],
    tests: [
      "event.test.ts",
      "receiver/answers.test.ts",
      "receiver/quarantine.test.ts",
      "receiver/duplicates.test.ts",
      "receiver/supersede.test.ts",
    ],
  },
  {
    name: "worker",
    sources: ["worker.ts", "drainer.ts", "attempt.ts", "lease.ts", "pool.ts", "lookahead.ts"],
    tests: ["worker/", "receiver/processing.test.ts", "receiver/lease-at-accept.test.ts"],
    thorough: ["metrics/", "open-telemetry/", "sim/simulation.test.ts"],
  },
  { name: "memory", sources: ["storage/memory.ts", "storage/memory"], tests: ["storage/memory"] },
  {
    name: "SQLite",
    sources: ["storage/sqlite.ts", "storage/sqlite"],
    tests: ["storage/sqlite.test.ts", "storage/sqlite/"],
    thorough: ["faults/disk-full.test.ts", "faults/unusable-file.test.ts"],
  },
  {
    name: "spool",
    sources: ["storage/spool.ts", "storage/spool"],
    tests: ["batch", "experience", "lease", "look-for", "mover", "route", "seal"]
      .map((name) => `storage/spool/${name}.test.ts`),
    thorough: [
      "storage/spool.test.ts",
      "storage/spool/leftovers.test.ts",
      "storage/spool/outage.test.ts",
      "storage/spool/refusal.test.ts",
      "sim/simulation.test.ts",
    ],
  },
  {
    name: "PostgreSQL",
    sources: ["storage/postgres.ts", "storage/postgres"],
    tests: ["storage/postgres.test.ts"],
    thorough: ["storage/postgres/"],
    sample: 60,
  },
  {
    name: "D1",
    sources: ["storage/d1.ts", "storage/d1"],
    tests: ["storage/d1.test.ts", "storage/d1/"],
    sample: 60,
  },
  {
    name: "Deno KV",
    sources: ["storage/deno-kv.ts", "storage/deno-kv"],
    tests: ["storage/deno-kv.deno.test.ts"],
    thorough: ["storage/deno-kv/"],
    runtime: "deno",
    sample: 60,
  },
];
