import { memoryStorage } from "../../src/storage/memory.ts";
import { sqliteStorage } from "../../src/storage/sqlite.ts";
import type { ClaimResult, Storage } from "../../src/storage/storage.ts";
import { createAuditor } from "./auditor.ts";
import type { Disk } from "./connection.ts";
import { watchDeliveries } from "./deliveries.ts";
import { beginning, replaceGlobals } from "./globals.ts";
import { startProcess, terminate } from "./machines.ts";
import type { Mistake } from "./mistakes.ts";
import type { Machine } from "./process.ts";
import { createOperator, isOperation } from "./operator.ts";
import { createRandom } from "./random.ts";
import { watchReadiness } from "./readiness.ts";
import { type Happening, type Scenario, scenarioOf } from "./scenario.ts";
import { createSchedule } from "./schedule.ts";
import { createSender } from "./sender.ts";
import { createTruth } from "./truth.ts";
import type { World } from "./world.ts";

/** What came of a run. */
export interface Outcome {
  readonly seed: number;
  /** The promise that was broken; undefined: none was. */
  readonly broken: string | undefined;
  /** How often what was hit. */
  readonly hits: ReadonlyMap<string, number>;
  readonly steps: number;
  readonly virtualMs: number;
}

/** What a run may take. */
export interface SimulateOptions {
  /** Is given each line of what happens. */
  readonly log?: (line: string) => void;
  /** Something that is done wrong on purpose. */
  readonly mistake?: Mistake;
}

const minute = 60_000;
const hour = 60 * minute;
// What is asked for again, set aside or limited by ImgGo waits up to so long.
const longestWaitMs = hour;
/** So long it goes on when all is done: what comes late must change nothing. */
const aftermathMs = 15_000;
// What a clock an hour ahead put off is asked for every second until then, with all that waits for it.
const mostSteps = 2_000_000;

/** Runs the scenario of a seed: every time in the same way. */
export async function simulate(
  seed: number,
  { log, mistake = {} }: SimulateOptions = {},
): Promise<Outcome> {
  const scenario = scenarioOf(seed);
  const schedule = createSchedule();
  const hits = new Map<string, number>();
  let broken: string | undefined;
  let changed = true;

  const world: World = {
    schedule,
    random: createRandom(seed, "faults"),
    calm: () => schedule.now() >= scenario.calmAtMs,
    hit: (what) => void hits.set(what, (hits.get(what) ?? 0) + 1),
    log(who, what) {
      log?.(`${(schedule.now() / 1_000).toFixed(4).padStart(10)} s  ${who}: ${what()}`);
    },
    broken(promise) {
      broken ??= promise;
      world.log("BROKEN", () => promise);
    },
  };

  const restore = replaceGlobals(schedule, createRandom(seed, "product"));
  const onUnhandled = (error: unknown) => world.broken(`an unhandled rejection: ${error}`);
  process.on("unhandledRejection", onUnhandled);
  try {
    const run = build(scenario, world, mistake, () => changed = true);
    const jumps = scenario.happenings.some(({ kind }) => kind === "clock");
    const endMs = scenario.calmAtMs + longestWaitMs + (jumps ? 2 * hour : 0);
    let steps = 0;
    let doneAtMs = Infinity;
    while (broken === undefined && schedule.now() < doneAtMs + aftermathMs) {
      try {
        if (!await schedule.step()) break;
      } catch (error) {
        world.broken(`an uncaught error: ${error}`);
      }
      if (changed) {
        changed = false;
        await run.auditor.audit();
      }
      if (doneAtMs === Infinity && world.calm() && run.left().length === 0) {
        doneAtMs = schedule.now();
        world.log("all", () => "done");
      }
      if (schedule.now() > endMs && doneAtMs === Infinity) {
        world.broken(`once faults stop, everything ends: ${run.left().join(", ")}`);
      }
      if (++steps > mostSteps) world.broken(`it ends within ${mostSteps} steps`);
    }
    await run.auditor.audit(true);
    return { seed, broken, hits, steps, virtualMs: schedule.now() };
  } finally {
    process.off("unhandledRejection", onUnhandled);
    restore();
  }
}

function build(scenario: Scenario, world: World, mistake: Mistake, onChange: () => void) {
  const { schedule } = world;
  const database = { clockOffsetMs: 0 };
  const clockOf = (of: { readonly clockOffsetMs: number }) => () =>
    Math.floor(beginning + schedule.now() + of.clockOffsetMs);
  const newStorage = (now: () => number) =>
    scenario.storage === "memory" ? memoryStorage({ now }) : sqliteStorage(":memory:", { now });
  const primary = (mistake.primary ?? same)(newStorage(clockOf(database)));
  const machines = scenario.roles.map((role, index): Machine => {
    const machine: Machine = {
      index,
      role,
      spool: undefined,
      clockOffsetMs: 0,
      process: undefined,
      processes: 0,
    };
    if (scenario.hasSpool) {
      machine.spool = (mistake.spool ?? same)(newStorage(clockOf(machine)));
    }
    return machine;
  });
  const watch = watchDeliveries(scenario, world);
  const truth = createTruth(scenario.jobs);
  const spools = machines.flatMap(({ spool }) => spool ?? []);
  const auditor = createAuditor({ primary, spools, truth, world });
  const operator = createOperator({ storage: primary, auditor, watch, world });
  const disk: Disk = {
    name: "database",
    storage: primary,
    isLocal: false,
    faults: scenario.faults,
    outages: scenario.outages,
    committed(_, call, values, result) {
      watch.committed(call, values, result);
      if (isChange(call, result)) onChange();
    },
  };
  const parts = {
    scenario,
    world,
    watch,
    mistake,
    primary: disk,
    spoolOf: ({ index, spool }: Machine): Disk | undefined =>
      spool && {
        name: `spool ${index}`,
        storage: spool,
        isLocal: true,
        faults: scenario.spoolFaults,
        outages: [],
        committed(_, call, __, result) {
          if (isChange(call, result)) onChange();
        },
      },
  };
  for (const machine of machines) startProcess(machine, parts);
  for (const happening of scenario.happenings) {
    schedule.after(happening.atMs, undefined, () => {
      if (isOperation(happening.kind)) operator.operate(happening.kind);
      else befall(happening, machines, database, world);
    });
  }
  const readiness = watchReadiness(machines, world, scenario.calmAtMs);
  const sender = createSender({ scenario, machines, world, truth, auditor });
  return {
    auditor,
    left: () => [
      ...auditor.left(),
      ...readiness.left(),
      ...(sender.busy() > 0 ? [`${sender.busy()} webhooks or expectations are under way`] : []),
    ],
  };
}

const changes = /^(?:accept|claim|settle|prune|expectations\.(?:add|claim|postpone))$/;

/** Whether a call may have changed what is stored; most claims find nothing. */
function isChange(call: string, result: unknown): boolean {
  const { claims = [], exhausted = [] } = Object(result) as Partial<ClaimResult>;
  if (call === "claim") return claims.length + exhausted.length > 0;
  return changes.test(call) && result !== 0 && result !== false;
}

const same = (storage: Storage) => storage;

function befall(
  happening: Happening,
  machines: readonly Machine[],
  database: { clockOffsetMs: number },
  world: World,
): void {
  const { kind, machine: index } = happening;
  const machine = index === undefined ? undefined : machines[index];
  if (kind === "clock") {
    world.hit("clock jumped");
    world.log(
      machine ? `machine ${index}` : "database",
      () => `clock ${happening.offsetMs} ms off`,
    );
    (machine ?? database).clockOffsetMs = happening.offsetMs;
  } else if (machine?.process === undefined) return;
  else if (kind === "kill") machine.process.kill();
  else if (kind === "terminate") terminate(machine.process, world);
  else if (kind === "stop") machine.process.stopFor(happening.forMs);
}
