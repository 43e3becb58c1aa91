// Fuzzes for as long as it is asked to: `npm run fuzz -- --cases 1000000 --seed 1`.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs, stripVTControlCharacters } from "node:util";
import type { Storage } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { endProcesses, runtimes } from "../support/process.ts";
import { fuzzReceiver } from "./campaign.ts";
import { compareWithFetch } from "./differential.ts";
import { startEntry } from "./entries.ts";
import { sendHostileBytes } from "./hostile.ts";
import { serverLimits } from "./server-limits.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "1000000" },
    seed: { type: "string", default: `${Date.now() % 1_000_000_000}` },
  },
});
const [cases, seed] = [Number(values.cases), Number(values.seed)];
if (!(cases >= 1 && Number.isSafeInteger(seed))) {
  process.stderr.write("Expected --cases <a number from 1 on> and --seed <a whole number>.\n");
  process.exit(2);
}

// Each has a receiver and a storage of its own, so that one can be run alone.
const blockCases = 10_000;
// One block of so many, by its seed, is kept in SQLite, which waits for the disk.
const sqliteEvery = 20;
// What a block needs, and V8 lets lie about; a leak of 100 bytes a case would be as much.
const growthLimit = 96 * 2 ** 20;

const gc = (globalThis as { gc?: () => void }).gc;
const heapUsed = () => {
  gc?.();
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
};

async function inSqlite(work: (storage: Storage) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  const storage = sqliteStorage(join(folder, "events.db"));
  try {
    await work(storage);
  } finally {
    await storage.close();
    await rm(folder, { recursive: true });
  }
}

const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\n${describe(error.cause)}`;
  return stripVTControlCharacters(`${error.message}${cause}`);
};
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
const startedAt = performance.now();
const answers = new Map<number, number>();
let heapAtFirst: number | undefined;
let done = 0;

process.stdout.write(`${cases} cases, seed ${seed}\n`);
for (let block = 0; done < cases; block++) {
  const campaign = { cases: Math.min(blockCases, cases - done), seed: seed + block };
  const run = async (storage: Storage) => {
    const report = await fuzzReceiver(storage, campaign);
    for (const [status, count] of report.answers) {
      answers.set(status, (answers.get(status) ?? 0) + count);
    }
  };
  try {
    if (campaign.seed % sqliteEvery === 0) await inSqlite(run);
    else await run(memoryStorage());
  } catch (error) {
    process.stderr.write(`${describe(error)}\n`);
    const replay = `npm run fuzz -- --cases ${campaign.cases} --seed ${campaign.seed}`;
    process.stderr.write(`It fails again by: ${replay}\n`);
    process.exit(1);
  }
  done += campaign.cases;
  const heap = heapUsed();
  heapAtFirst ??= heap;
  const perSecond = Math.round(done / (performance.now() - startedAt) * 1_000);
  process.stdout.write(`${done} of ${cases}, ${perSecond} a second, heap ${mebibytes(heap)}\n`);
  if (heap - heapAtFirst > growthLimit) {
    process.stderr.write(
      `The heap grew from ${mebibytes(heapAtFirst)} to ${mebibytes(heap)}: memory is kept.\n`,
    );
    process.exit(1);
  }
}

// A connection for every so many requests that had none.
const socketCases = Math.ceil(cases / 100);
for (const name of ["node", "bun", "deno"] as const) {
  const entry = await startEntry(name, runtimes[name]);
  const campaign = { cases: socketCases, seed };
  try {
    await compareWithFetch(entry.url, serverLimits[name], campaign);
    process.stdout.write(`${name}: ${socketCases} connections answered as fetch() answers\n`);
    await sendHostileBytes(entry.url, campaign);
    process.stdout.write(`${name}: ${socketCases} hostile connections outlived\n`);
  } catch (error) {
    process.stderr.write(`${name}: ${describe(error)}\n`);
    endProcesses();
    process.exit(1);
  }
  await entry.end(async () => {});
}

const counts = [...answers].sort(([a], [b]) => a - b).map(([status, count]) =>
  `${status}: ${count}`
);
process.stdout.write(`No fault. Answers: ${counts.join(", ")}.\n`);
