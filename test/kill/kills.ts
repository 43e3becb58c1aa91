import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createRandom, type Random } from "../sim/random.ts";
import { createLedger } from "../soak/ledger.ts";
import { startLoad } from "../soak/load.ts";
import { type SoakServer, startServer } from "../soak/server.ts";
import { allEvents, untilIdle } from "../soak/stored.ts";
import { createAuditor } from "./audit.ts";
import type { Database, Databases } from "./databases.ts";
import { prepareEffects, readEffects } from "./effects.ts";

/** What {@linkcode killRounds} takes. */
export interface KillOptions {
  readonly databases: Databases;
  readonly rounds: number;
  /** How many rounds a database lives for. */
  readonly roundsPerDatabase: number;
  /** Chooses the moments, and who is killed. */
  readonly seed: number;
  /** Requests a second. */
  readonly rate: number;
  /** Is told of each database that has been judged. */
  readonly report?: (outcome: KillOutcome) => void;
}

/** What came of the rounds so far. */
export interface KillOutcome {
  rounds: number;
  /** Processes that were killed; of them those that did not listen yet. */
  killed: number;
  killedStarting: number;
  /** Requests; of them those that were answered 200, and those that had no answer. */
  sent: number;
  answered: number;
  unanswered: number;
  /** Events that were acknowledged, those that were stored, and runs of the processor for them. */
  acknowledged: number;
  stored: number;
  runs: number;
  /** What was not as it was promised, each in a sentence. */
  readonly problems: string[];
}

/** The longest a round goes on before its kill, and a process that starts before it is killed again. */
const longestMs = 500;
const longestStartMs = 250;
const mostStartMs = 30_000;

/**
 * Two servers over a database, of Node.js, Bun and Deno in turn, under load. In each round one of
 * them, or both, are killed at a random moment, and started again; then everything is audited, while
 * requests go on. In the end of each database all must be done.
 */
export async function killRounds(options: KillOptions): Promise<KillOutcome> {
  const { databases, rounds, roundsPerDatabase, seed, report } = options;
  const outcome: KillOutcome = {
    rounds: 0,
    ...{ killed: 0, killedStarting: 0, sent: 0, answered: 0, unanswered: 0 },
    ...{ acknowledged: 0, stored: 0, runs: 0, problems: [] },
  };
  const random = createRandom(seed, "kills");
  while (outcome.rounds < rounds && outcome.problems.length === 0) {
    const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-kill-"));
    const database = await databases.create(folder);
    const many = Math.min(roundsPerDatabase, rounds - outcome.rounds);
    await killOver(database, folder, many, random, options.rate, outcome);
    if (outcome.problems.length > 0) outcome.problems.push(`All of it is in ${folder}.`);
    else await rm(folder, { recursive: true });
    report?.(outcome);
  }
  return outcome;
}

async function killOver(
  database: Database,
  cwd: string,
  rounds: number,
  random: Random,
  rate: number,
  outcome: KillOutcome,
): Promise<void> {
  await prepareEffects(cwd);
  const env = { STORAGE_URL: database.url };
  const servers = [
    startServer({ cwd, env, runtimes: ["node", "bun", "deno"] }),
    startServer({ cwd, env, runtimes: ["bun", "deno", "node"] }),
  ];
  try {
    await killAndAudit(servers, database, cwd, rounds, random, rate, outcome);
  } finally {
    // Those that run yet, where it failed.
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function killAndAudit(
  servers: readonly SoakServer[],
  database: Database,
  cwd: string,
  rounds: number,
  random: Random,
  rate: number,
  outcome: KillOutcome,
): Promise<void> {
  const { problems } = outcome;
  const ledger = createLedger();
  const auditor = createAuditor(cwd, ledger);
  const load = startLoad(servers, ledger, rate);
  try {
    await allReady(servers);
    for (let round = 1; round <= rounds && problems.length === 0; round++) {
      await pause(random.between(0, longestMs));
      const victims = random.chance(0.4) ? servers : [random.pick(servers)];
      kill(victims, outcome);
      if (random.chance(0.25)) {
        await pause(random.between(0, longestStartMs));
        kill(victims, outcome);
      }
      await allReady(victims);
      problems.push(...await database.look((storage) => auditor.audit(storage)));
      const damage = await database.check();
      if (damage !== undefined) problems.push(`The database is damaged: ${damage}`);
      outcome.rounds++;
    }
  } finally {
    await load.stop();
  }
  await database.look(async (storage) => {
    if (!await untilIdle(storage)) problems.push("Not all was processed within 2 minutes.");
  });
  for (const server of servers) {
    const code = await server.stop();
    if (code !== 0) problems.push(`A server ended with ${code} after SIGTERM.`);
    const others = server.ends.slice(0, -1).filter((end) => end !== "SIGKILL");
    if (others.length > 0) problems.push(`A server ended by itself: ${others.join(", ")}`);
  }
  await database.look(async (storage) => {
    problems.push(...await auditor.audit(storage, true));
    const verdict = await ledger.judge(allEvents(storage));
    problems.push(...verdict.lost, ...verdict.twice, ...load.counts.wrong);
    outcome.acknowledged += verdict.acknowledged;
    outcome.stored += verdict.stored;
  });
  const damage = await database.check();
  if (damage !== undefined) problems.push(`The database is damaged: ${damage}`);
  const { sent, answers } = load.counts;
  outcome.sent += sent;
  outcome.answered += answers["200"] ?? 0;
  outcome.unanswered += answers["none"] ?? 0;
  outcome.runs += (await readEffects(cwd)).filter(({ what }) => what === "begins").length;
}

function kill(victims: readonly SoakServer[], outcome: KillOutcome): void {
  for (const server of victims) {
    outcome.killed++;
    if (server.url() === undefined) outcome.killedStarting++;
    server.signal("SIGKILL");
  }
}

/** Waits until they listen, which none may take long for. */
async function allReady(servers: readonly SoakServer[]): Promise<void> {
  const waiting = new AbortController();
  const tooLong = pause(mostStartMs, undefined, { signal: waiting.signal }).then(() => {
    throw new Error("A server did not start within 30 s.");
  });
  tooLong.catch(() => {});
  try {
    await Promise.race([tooLong, Promise.all(servers.map((server) => server.ready()))]);
  } finally {
    waiting.abort();
  }
}
