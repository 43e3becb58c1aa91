import type { Machine } from "./process.ts";
import type { World } from "./world.ts";

/** Who asks machines whether they are ready, as a load balancer does, once faults have stopped. */
export interface Readiness {
  /** Those that are not, or still spool. */
  left(): readonly string[];
}

const everyMs = 5_000;

export function watchReadiness(
  machines: readonly Machine[],
  world: World,
  fromMs: number,
): Readiness {
  const { schedule } = world;
  const waiting = new Set(machines);

  const ask = (machine: Machine) => {
    if (!waiting.has(machine)) return;
    schedule.after(everyMs, undefined, () => ask(machine));
    const { process } = machine;
    if (process?.receiver === undefined) return;
    schedule.after(1, process, async () => {
      const response = await process.receiver!.fetch(new Request("http://simulation/readyz"));
      const { spooling = false } = await response.json() as { readonly spooling?: boolean };
      world.log(process.name, () => `is ${response.status}${spooling ? ", and spools" : ""}`);
      if (response.status === 200 && !spooling) waiting.delete(machine);
    });
  };

  for (const machine of machines) schedule.after(fromMs, undefined, () => ask(machine));
  return { left: () => [...waiting].map(({ index }) => `machine ${index} is not ready`) };
}
