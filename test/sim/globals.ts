import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers";
import { deterministicCrypto } from "./cryptography.ts";
import type { Random } from "./random.ts";
import type { Appointment, Schedule } from "./schedule.ts";

/** When the simulated world begins, in milliseconds since 1970. */
export const beginning = Date.UTC(2026, 0, 15, 10, 30);

/**
 * Puts virtual time and seeded randomness in the place of the runtime's, for all code of this thread.
 * What it does then is the same whenever it is run. Timers belong to the process in whose name
 * they are set.
 *
 * @returns A function that puts everything back.
 */
export function replaceGlobals(schedule: Schedule, random: Random): () => void {
  const RealDate = Date;
  const time = () =>
    Math.floor(beginning + schedule.now() + (schedule.owner()?.clockOffsetMs ?? 0));

  class VirtualDate extends RealDate {
    constructor(...values: unknown[]) {
      super(...(values.length === 0 ? [time()] : values) as [number]);
    }
    static override now = time;
  }

  const setTimeout = (run: (...values: unknown[]) => void, wait = 0, ...values: unknown[]) => {
    const set = schedule.after(Math.max(1, wait), schedule.owner(), () => run(...values), true);
    return handleOf(() => set.cancelled = true);
  };
  const setInterval = (run: (...values: unknown[]) => void, wait = 0, ...values: unknown[]) => {
    const owner = schedule.owner();
    let set: Appointment;
    const again = () => set = schedule.after(Math.max(1, wait), owner, tick, true);
    const tick = () => {
      again();
      run(...values);
    };
    again();
    return handleOf(() => set.cancelled = true);
  };
  const setImmediate = (run: (...values: unknown[]) => void, ...values: unknown[]) => {
    const set = schedule.after(0, schedule.owner(), () => run(...values));
    return handleOf(() => set.cancelled = true);
  };
  const clear = (handle: Partial<Handle> | undefined) => handle?.cancel?.();

  const functions = {
    setTimeout,
    setInterval,
    setImmediate,
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
  };
  const restores = [
    replace(globalThis, {
      ...functions,
      Date: VirtualDate,
      crypto: deterministicCrypto(random),
    }),
    replace(timers, functions),
    replace(performance, { now: () => schedule.now() }),
    replace(Math, { random: () => random.next() }),
  ];
  syncBuiltinESMExports();
  return () => {
    for (const restore of restores) restore();
    syncBuiltinESMExports();
  };
}

interface Handle {
  cancel(): void;
  ref(): Handle;
  unref(): Handle;
}

function handleOf(cancel: () => void): Handle {
  const handle: Handle = { cancel, ref: () => handle, unref: () => handle };
  return handle;
}

/** Defines properties of an object anew; what is returned undoes it. */
function replace(object: object, properties: Readonly<Record<string, unknown>>): () => void {
  const before = Object.keys(properties)
    .map((name) => [name, Object.getOwnPropertyDescriptor(object, name)] as const);
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(object, name, { value, configurable: true, writable: true });
  }
  return () => {
    for (const [name, descriptor] of before) {
      if (descriptor) Object.defineProperty(object, name, descriptor);
      else Reflect.deleteProperty(object, name);
    }
  };
}
