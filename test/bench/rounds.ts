import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Events } from "./events.ts";
import { connections, type Load, type Loaded } from "./load/load.ts";
import { cpuSeconds } from "./memory/process-status.ts";
import type { BenchServer, StartedServer } from "./servers/server.ts";

/** What one round of one server gave. */
export interface Round extends Loaded {
  /** Of its process, for each answer, in microseconds; undefined where that cannot be told. */
  readonly cpuMicroseconds: number | undefined;
}

/** How long each server is loaded before it is measured. */
export const warmUpSeconds = 1;

/** How rounds are run. */
export interface RoundsOptions {
  readonly folder: string;
  readonly events: Events;
  readonly load: Load;
  /** Who takes part in which round. */
  readonly plan: readonly (readonly BenchServer[])[];
  readonly seconds: number;
  /** Is told what was measured. */
  readonly progress: (line: string) => void;
}

/**
 * Loads servers in turn, round after round, each time one that has just been started with nothing
 * stored: so what disturbs the machine disturbs all alike.
 */
export async function runRounds(options: RoundsOptions): Promise<Map<string, Round[]>> {
  const found = new Map<string, Round[]>();
  for (const server of options.plan.flat()) {
    const folder = await mkdtemp(join(options.folder, "round-"));
    const round = await runRound(server, folder, options);
    found.set(server.name, [...found.get(server.name) ?? [], round]);
    options.progress(`${server.name}: ${Math.round(round.perSecond)} a second`);
    await rm(folder, { recursive: true });
  }
  return found;
}

async function runRound(
  server: BenchServer,
  folder: string,
  { events, load, seconds }: RoundsOptions,
): Promise<Round> {
  const started = await server.start(folder);
  // One part of the events is for the warm-up; the other one for what is measured.
  const first = Math.floor(events.count * 0.4);
  const slices = [
    { ...events, skip: 0, count: first },
    { ...events, skip: first, count: events.count - first },
  ] as const;
  try {
    const warmedUp = await load.run(started.url, slices[0], warmUpSeconds);
    const cpuBefore = cpuSeconds(started.pid);
    const loaded = await load.run(started.url, slices[1], seconds);
    const cpuAfter = cpuSeconds(started.pid);
    await started.stop();
    await audit(server, started, [
      { ...warmedUp, sent: slices[0].count },
      { ...loaded, sent: slices[1].count },
    ]);
    const cpu = cpuBefore === undefined || cpuAfter === undefined
      ? undefined
      : (cpuAfter - cpuBefore) / loaded.accepted * 1e6;
    return { ...loaded, cpuMicroseconds: cpu };
  } finally {
    await started.stop();
  }
}

/** Nothing is fast by refusing or losing: each answer 200 is that of an event which is stored. */
async function audit(
  { name }: BenchServer,
  { stored }: StartedServer,
  loads: readonly (Loaded & { readonly sent: number })[],
): Promise<void> {
  for (const { failed } of loads) {
    if (failed > 0) throw new Error(`${name}: ${failed} requests were not answered 200`);
  }
  if (stored === undefined) return;
  // When all were sent they are sent again, and are duplicates.
  const answered = loads.reduce((sum, { accepted, sent }) => sum + Math.min(accepted, sent), 0);
  const count = await stored();
  // What was under way at the end of a load may be stored, and its answer was not waited for.
  if (count < answered || count > answered + loads.length * connections) {
    throw new Error(`${name}: ${answered} events were answered 200, but ${count} are stored`);
  }
}
