import { createImgGoClient } from "../../src/imggo.ts";
import type { Logger } from "../../src/logger.ts";
import { createReceiver } from "../../src/receiver.ts";
import { withSpool } from "../../src/storage/spool.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { connect, type Disk } from "./connection.ts";
import type { DeliveryWatch } from "./deliveries.ts";
import { connectApi } from "./imggo-api.ts";
import type { Mistake } from "./mistakes.ts";
import type { Machine, Process } from "./process.ts";
import { processorsOf } from "./processors.ts";
import type { Scenario } from "./scenario.ts";
import type { World } from "./world.ts";

export const secret = "the secret of the simulation";

/** What processes are made of. */
export interface MachineParts {
  readonly scenario: Scenario;
  readonly world: World;
  readonly watch: DeliveryWatch;
  readonly mistake: Mistake;
  readonly primary: Disk;
  /** A machine's spool, where it has one. */
  readonly spoolOf: (machine: Machine) => Disk | undefined;
}

/** Starts a process on a machine. When it is killed, another one is started soon. */
export function startProcess(machine: Machine, parts: MachineParts): void {
  const { scenario, world } = parts;
  const { schedule, random } = world;
  const process: Process = {
    name: `machine ${machine.index} process ${++machine.processes}`,
    machine,
    alive: true,
    held: undefined,
    underWay: new Set(),
    requests: 0,
    receiver: undefined,
    close: undefined,
    stoppedMs: 0,
    isEnding: false,
    get clockOffsetMs() {
      return machine.clockOffsetMs;
    },
    kill() {
      if (!process.alive) return;
      world.hit("process killed");
      world.log(process.name, () => "killed");
      process.alive = false;
      for (const call of process.underWay) call.isCut = call.isLocal || random.chance(0.5);
      machine.process = undefined;
      schedule.after(random.between(50, 5_000), undefined, () => startProcess(machine, parts));
    },
    stopFor(milliseconds) {
      if (!process.alive || process.held !== undefined) return;
      world.hit("process stopped");
      world.log(process.name, () => `stopped for ${Math.round(milliseconds)} ms`);
      process.held = [];
      schedule.after(milliseconds, undefined, () => {
        if (!process.alive) return;
        world.log(process.name, () => "goes on");
        process.stoppedMs += milliseconds;
        schedule.release(process, random.chance(0.5));
      });
    },
  };
  machine.process = process;
  schedule.after(0, process, () => {
    world.log(process.name, () => "starts");
    const logger = loggerOf(process, world);
    const primary = (parts.mistake.connected ?? same)(connect(parts.primary, process, world));
    const disk = parts.spoolOf(machine);
    const storage: Storage = disk
      ? withSpool(primary, connect(disk, process, world), { logger })
      : primary;
    process.receiver = createReceiver({
      secret,
      storage,
      logger,
      processors: processorsOf(process, parts),
      worker: scenario.worker,
      ...(machine.role !== "all" && { role: machine.role }),
      imggo: createImgGoClient({
        apiKey: "simulated-key",
        requestsPerMinute: 60,
        fetch: connectApi(process, scenario, world),
      }),
    });
    process.close = () => storage.close();
    process.receiver.start();
  });
}

const same = (storage: Storage) => storage;

/** SIGTERM: the process ends by itself, in time, and another one is started. */
export function terminate(process: Process, world: World): void {
  const { schedule } = world;
  if (process.receiver === undefined || process.isEnding) return;
  world.hit("process terminated");
  world.log(process.name, () => "told to end");
  process.isEnding = true;
  schedule.after(0, process, async () => {
    const [beganAt, stoppedMs] = [schedule.now(), process.stoppedMs];
    await process.receiver?.stop();
    const tookMs = schedule.now() - beganAt - (process.stoppedMs - stoppedMs);
    if (tookMs > 4_100) world.broken(`stops within 4 s: ${process.name} took ${tookMs} ms`);
    // As a server does, before it closes what the answers need.
    while (process.requests > 0) await new Promise((resolve) => setTimeout(resolve, 100));
    await process.close?.();
    process.kill();
  });
}

function loggerOf(process: Process, world: World): Logger {
  const at = (level: string): Logger["info"] => (message, fields = {}) => {
    if (message === "internal error") world.broken(`internal error: ${fields["error"]}`);
    // Where in the code something was thrown says as well where that lies, and how it is run.
    const { at: _, ...told } = fields;
    world.log(process.name, () => `${level} ${message} ${JSON.stringify(told)}`);
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
