import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { sqliteStorage } from "../../src/storage/sqlite.ts";
import { type FaultName, startFaults } from "./faults.ts";
import { createLedger } from "./ledger.ts";
import { startLoad } from "./load.ts";
import { allEvents, untilIdle } from "./stored.ts";
import type { Outcome } from "./report.ts";
import { startSampler } from "./samples.ts";
import { prepareFolder, startSoakServer } from "./server.ts";

/** What {@linkcode soak} takes. */
export interface SoakOptions {
  readonly seconds: number;
  /** Requests a second. */
  readonly rate: number;
  /** The mean time between two faults. */
  readonly faultEverySeconds: number;
  readonly faults: readonly FaultName[];
  /** Whether to work on a small disk of its own, which is filled now and then, if one can be mounted. */
  readonly ownDisk: boolean;
}

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { stdio: "ignore" });

/** Two servers over one SQLite file, under load and faults; then an audit of all that was promised. */
export async function soak(options: SoakOptions): Promise<Outcome> {
  const place = await mkdtemp(join(tmpdir(), "imggo-webhooks-soak-"));
  const folder = join(place, "data");
  await mkdir(folder);
  const ownDisk = options.ownDisk && await mountDisk(place, folder, options);
  try {
    return await runIn(folder, ownDisk, options);
  } finally {
    if (ownDisk) run("umount", folder);
    await rm(place, { recursive: true });
  }
}

/** A file system in a file, with room for twice what is expected. That takes Linux, and its administrator. */
async function mountDisk(place: string, folder: string, { seconds, rate }: SoakOptions) {
  const image = join(place, "image");
  try {
    await writeFile(image, "");
    await truncate(image, 128 * 1_048_576 + seconds * rate * 5_000);
    run("mkfs.ext4", "-q", image);
    run("mount", "-o", "loop", image, folder);
    return true;
  } catch {
    return false;
  }
}

async function runIn(folder: string, ownDisk: boolean, options: SoakOptions): Promise<Outcome> {
  const { seconds, rate, faultEverySeconds } = options;
  const file = join(folder, "imggo-webhooks.db");
  const ledger = createLedger();
  const problems: string[] = [];
  await prepareFolder(folder);
  const servers = [startSoakServer(folder, ledger), startSoakServer(folder, ledger)];
  await Promise.all(servers.map((server) => server.ready()));

  const startedAt = performance.now();
  const load = startLoad(servers, ledger, rate);
  const everySeconds = Math.max(0.5, seconds / 600);
  const sampler = startSampler({ servers, file, counts: load.counts, everySeconds });
  const faults = startFaults(
    { folder, file, servers, ownDisk },
    options.faults,
    faultEverySeconds,
  );
  await pause(seconds * 1_000);
  await faults.stop();
  await load.stop();
  await Promise.all(servers.map((server) => server.ready()));

  const storage = sqliteStorage(file);
  if (!await untilIdle(storage)) problems.push("Not all was processed within 2 minutes.");
  sampler.stop();
  for (const server of servers) {
    const code = await server.stop();
    if (code !== 0) problems.push(`A server ended with ${code} after SIGTERM.`);
  }
  const verdict = await ledger.judge(allEvents(storage));
  await storage.close();
  const database = new DatabaseSync(file);
  const check = database.prepare("PRAGMA integrity_check").get()?.["integrity_check"];
  database.close();
  if (check !== "ok") problems.push(`integrity_check: ${check}`);
  return {
    seconds: (performance.now() - startedAt) / 1_000,
    counts: load.counts,
    faults: faults.counts,
    verdict,
    samples: sampler.samples,
    problems,
  };
}
