import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { nodeWithTsx } from "../../support/process.ts";
import { median } from "../median.ts";
import type { Bench } from "../report.ts";

const run = promisify(execFile);

// Each takes a URL and a number of jobs, and prints how many a second it did.
const workers: Readonly<Record<string, readonly string[]>> = {
  "ours": ["ours-process.ts"],
  "graphile-worker": ["graphile-worker-process.ts"],
  "graphile-worker, queue of 100, completions in batches": [
    "graphile-worker-process.ts",
    "batched",
  ],
  "pg-boss, batches of 100": ["pg-boss-process.ts"],
};
const jobs = 10_000;

/** Deliveries a second on PostgreSQL of ours and of others: all are stored before, and do nothing. */
export async function deliveries(
  { databases, options, progress }: Bench,
): Promise<Record<string, number | string>> {
  const rates = new Map<string, number[]>();
  for (let round = 0; round < Math.ceil(options.rounds / 2); round++) {
    for (const [name, [file = "", ...args]] of Object.entries(workers)) {
      const { url, drop } = await databases.create();
      const path = fileURLToPath(new URL(file, import.meta.url));
      const [command = "", ...node] = nodeWithTsx;
      const { stdout } = await run(command, [...node, path, url, String(jobs), ...args]);
      rates.set(name, [...rates.get(name) ?? [], Number(stdout)]);
      progress(`${name}: ${stdout.trim()} deliveries a second`);
      await drop();
    }
  }
  const measured = [...rates].map(([name, each]) => [name, median(each)]);
  return { ...Object.fromEntries(measured), "BullMQ": "absent: it needs a Redis" };
}
