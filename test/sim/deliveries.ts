import type { Acceptance, Claim, ClaimResult, Lease, Outcome } from "../../src/storage/storage.ts";
import type { Process } from "./process.ts";
import type { Scenario } from "./scenario.ts";
import type { World } from "./world.ts";

interface Running {
  readonly process: Process;
  readonly signal: AbortSignal;
  readonly fence: number;
}

/** What is known of one delivery by watching its leases. */
interface Watched {
  fence: number;
  /** Attempts that count. */
  attempts: number;
  hasSucceeded: boolean;
  /** The fences whose attempts have ended. */
  readonly ended: Set<number>;
  running: Running | undefined;
}

/** Judges every claim and every end of an attempt. */
export interface DeliveryWatch {
  committed(call: string, values: readonly unknown[], result: unknown): void;
  /** A processor begins. */
  started(process: Process, lease: Lease, signal: AbortSignal): void;
  /** A processor's promise has settled. */
  ended(lease: Lease): void;
  /** An operator let a delivery begin anew. */
  restarted(delivery: Pick<Lease, "eventId" | "processor">): void;
}

export function watchDeliveries(
  { worker, happenings }: Scenario,
  world: World,
): DeliveryWatch {
  const all = new Map<string, Watched>();
  // A clock that jumps ends leases early: then only the fence keeps order, as it is to.
  const isTimed = !happenings.some(({ kind, ...rest }) =>
    kind === "clock" && "machine" in rest && rest.machine === undefined
  );

  const of = ({ eventId, processor }: Pick<Lease, "eventId" | "processor">): Watched => {
    const key = `${eventId} ${processor}`;
    const known = all.get(key) ?? {
      fence: 0,
      attempts: 0,
      hasSucceeded: false,
      ended: new Set(),
      running: undefined,
    };
    all.set(key, known);
    return known;
  };

  const nameOf = ({ eventId, processor, fence }: Lease) => `${eventId} ${processor} fence ${fence}`;

  const claimed = (claim: Claim) => {
    const delivery = of(claim);
    const name = nameOf(claim);
    if (claim.fence <= delivery.fence) world.broken(`a fence only grows: ${name}`);
    if (delivery.hasSucceeded) world.broken(`after a success never again: ${name} was claimed`);
    delivery.fence = claim.fence;
    delivery.attempts++;
    if (Math.max(delivery.attempts, claim.attempt) > worker.maxAttempts) {
      world.broken(`attempts ≤ ${worker.maxAttempts}: ${name} is attempt ${delivery.attempts}`);
    }
  };

  const settled = (lease: Lease, outcome: Outcome) => {
    const delivery = of(lease);
    const name = nameOf(lease);
    if (lease.fence !== delivery.fence) {
      world.broken(`who lost a lease changes nothing: ${name}, now ${delivery.fence}`);
    }
    if (delivery.ended.has(lease.fence)) world.broken(`one accepted finish per fence: ${name}`);
    delivery.ended.add(lease.fence);
    if (outcome.kind === "released") delivery.attempts--;
    if (outcome.kind === "succeeded") delivery.hasSucceeded = true;
    world.hit(`attempt ${outcome.kind}`);
  };

  return {
    committed(call, values, result) {
      if (call === "claim") (result as ClaimResult).claims.forEach(claimed);
      if (call === "accept") {
        // Accepting may take the leases at once.
        const { claims = [] } = result as Acceptance & { readonly claims?: readonly Claim[] };
        claims.forEach(claimed);
      }
      if (call === "settle" && result) settled(values[0] as Lease, values[1] as Outcome);
      if (call === "settle" && !result) world.hit("attempt refused its end");
      if (
        call === "renew" && result && (values[0] as Lease).fence !== of(values[0] as Lease).fence
      ) {
        world.broken(`who lost a lease renews nothing: ${nameOf(values[0] as Lease)}`);
      }
    },

    started(process, lease, signal) {
      const delivery = of(lease);
      const name = nameOf(lease);
      if (isTimed && delivery.hasSucceeded) {
        world.broken(`after a success never again: ${name} begins`);
      }
      const other = delivery.running;
      // One that is stopped does nothing, and one that was told to end is not live any more.
      const isLive = other?.process.alive && other.process.held === undefined &&
        !other.signal.aborted;
      if (isLive && (isTimed || other.process === process)) {
        world.broken(`one live attempt at a time: ${name} begins, ${other.process.name} runs one`);
      }
      delivery.running = { process, signal, fence: lease.fence };
    },

    restarted(delivery) {
      Object.assign(of(delivery), { attempts: 0, hasSucceeded: false });
    },

    ended(lease) {
      const delivery = of(lease);
      if (delivery.running?.fence === lease.fence) delivery.running = undefined;
    },
  };
}
