import {
  PermanentError,
  type Processor,
  type ProcessorContext,
  RetryLater,
} from "../../src/processor/processor.ts";
import { pause } from "../../src/deadline.ts";
import type { DeliveryWatch } from "./deliveries.ts";
import type { Process } from "./process.ts";
import { createRandom, type Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import type { World } from "./world.ts";

type Behaviour = (context: ProcessorContext, process: Process, random: Random) => unknown;

const forever = () => new Promise(() => {});
const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve());
  });

const behaviours: Readonly<Record<string, Behaviour>> = {
  throws: async (_, __, random) => {
    await pause(random.between(0, 500));
    throw new Error("Simulated failure.");
  },
  "throws at once": () => {
    throw new Error("Simulated failure.");
  },
  "throws nothing": () => Promise.reject(undefined),
  "asks for later": (_, __, random) => Promise.reject(new RetryLater(random.between(0, 5_000))),
  "gives up": () => Promise.reject(new PermanentError("Simulated end.")),
  "hangs until aborted": async ({ signal }) => {
    await aborted(signal);
    throw signal.reason;
  },
  "ignores its abort": forever,
  "succeeds after its abort": async ({ signal }, _, random) => {
    await aborted(signal);
    await pause(random.between(0, 2_000));
  },
  "kills the process": (_, process) => {
    process.kill();
    return forever();
  },
};

/** How a delivery is all the time: most as any other, some bad in one way. */
const tempers = Object.keys(behaviours);

/** The processors of one process. */
export function processorsOf(
  process: Process,
  { scenario, world, watch }: {
    readonly scenario: Scenario;
    readonly world: World;
    readonly watch: DeliveryWatch;
  },
): Record<string, Processor> {
  const { seed, badAttempts, workMs } = scenario;
  const make = (processor: string): Processor => async (event, context) => {
    const { id, fence, attempt, signal } = context;
    const lease = { eventId: id, processor, fence };
    const about = `${event.event} ${event.data.job_id} ${processor}`;
    const ofDelivery = createRandom(seed, about);
    const random = createRandom(seed, `${about} ${fence}`);
    const temper = ofDelivery.chance(badAttempts / 5) ? ofDelivery.pick(tempers) : undefined;
    const isBad = !world.calm() && random.chance(badAttempts);
    const name = temper ?? (isBad ? random.pick(tempers) : "succeeds");
    watch.started(process, lease, signal);
    world.hit(`processor ${name}`);
    world.log(process.name, () => `${about} attempt ${attempt} fence ${fence}: ${name}`);
    try {
      if (name === "succeeds") await pause(random.between(0, workMs));
      else await behaviours[name]?.(context, process, random);
    } finally {
      watch.ended(lease);
    }
  };
  return Object.fromEntries(scenario.processors.map((name) => [name, make(name)]));
}
