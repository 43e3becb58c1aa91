import fc from "fast-check";
import type { Delivery, EventState, Lease, Outcome } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent } from "../../support/new-event.ts";
import type { Test, World } from "../contract.ts";
import { minute, second } from "./calls.ts";

/** What a storage must say of a delivery, worked out beside it. */
interface ModelDelivery {
  state: Delivery["state"];
  attempts: number;
  fence: number;
  dueAt: number;
}

interface ModelEvent {
  readonly id: string;
  readonly name: string;
  state: EventState;
  duplicates: number;
  readonly deliveries: Map<string, ModelDelivery>;
}

type Step =
  | { readonly call: "accept"; readonly job: number; readonly name: string }
  | {
    readonly call: "claim";
    readonly limit: number;
    readonly leaseMs: number;
    readonly only: string;
  }
  | { readonly call: "settle"; readonly lease: number; readonly outcome: Outcome }
  | { readonly call: "renew"; readonly lease: number; readonly leaseMs: number }
  | { readonly call: "advance"; readonly milliseconds: number };

// Time goes by in tens of seconds and nothing lasts a multiple of them, so that a storage whose
// clock runs on by itself never differs from the model.
const step = ((): fc.Arbitrary<Step> => {
  const lease = fc.nat({ max: 30 });
  const leaseMs = fc.constantFrom(15 * second, 35 * second);
  const error = "again";
  const outcome = fc.oneof(
    fc.constantFrom<Outcome>({ kind: "succeeded" }, { kind: "dead", error }, { kind: "released" }),
    fc.constantFrom(0, 5 * second, 25 * second)
      .map((afterMs): Outcome => ({ kind: "retry", afterMs, error })),
  );
  const call = <Name extends Step["call"]>(name: Name) => fc.constant(name);
  const job = fc.nat({ max: 1 });
  const name = fc.constantFrom("job.succeeded", "job.failed");
  const limit = fc.integer({ min: 1, max: 4 });
  const only = fc.constantFrom("a", "b", "ab", "ab");
  const milliseconds = fc.constantFrom(10 * second, 20 * second, minute);
  return fc.oneof(
    { weight: 2, arbitrary: fc.record({ call: call("accept"), job, name }) },
    { weight: 4, arbitrary: fc.record({ call: call("claim"), limit, leaseMs, only }) },
    { weight: 3, arbitrary: fc.record({ call: call("settle"), lease, outcome }) },
    { weight: 1, arbitrary: fc.record({ call: call("renew"), lease, leaseMs }) },
    { weight: 2, arbitrary: fc.record({ call: call("advance"), milliseconds }) },
  );
})();

/** Random sequences of calls, and a model of what they must do. */
export function modelTests(test: Test): void {
  test("any sequence of calls does what the model of it does", async (world) => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 50, size: "max" }),
        async (steps) => {
          const run = createModelRun(world, `${runs++}`);
          for (const each of steps) {
            await run.perform(each);
            await run.compare();
          }
          await run.finish();
        },
      ),
      // On a slow disk some of them will do.
      { numRuns: 100, interruptAfterTimeLimit: 10_000 },
    );
  });
}

/** One run beside the model. Jobs and processors carry the run's name: runs share a storage. */
function createModelRun({ storage, advance }: World, runName: string) {
  const maxAttempts = 3;
  const processors = [`a${runName}`, `b${runName}`];
  const events = new Map<string, ModelEvent>();
  const leases: Lease[] = [];
  let now = 0;

  const find = ({ eventId, processor }: Lease) => {
    const event = [...events.values()].find(({ id }) => id === eventId);
    return { event, delivery: event?.deliveries.get(processor) };
  };

  const withdraw = (event: ModelEvent) => {
    for (const [processor, { state }] of event.deliveries) {
      if (state === "pending" || state === "dead") event.deliveries.delete(processor);
    }
  };

  const accept = async ({ job, name }: Extract<Step, { call: "accept" }>) => {
    const event = await newEvent({ event: name, jobId: `job_${runName}_${job}`, processors });
    const known = events.get(event.key);
    const otherEnd = name === "job.failed" ? "job.succeeded" : "job.failed";
    const other = events.get(`${otherEnd}:${event.jobId}`);
    const acceptance = await storage.accept(event);
    if (known !== undefined) {
      known.duplicates++;
      expect(acceptance).toEqual(
        { id: known.id, duplicate: true, state: known.state, identical: true },
      );
      return;
    }
    const late = name === "job.failed" && other !== undefined;
    const state = late ? "superseded" : "accepted";
    expect(acceptance).toEqual({ id: event.id, duplicate: false, state, identical: true });
    const pending = { state: "pending", attempts: 0, fence: -Infinity, dueAt: now } as const;
    const deliveries = new Map<string, ModelDelivery>(
      late ? [] : processors.map((processor) => [processor, { ...pending }]),
    );
    events.set(event.key, { id: event.id, name, state, duplicates: 0, deliveries });
    if (name === "job.succeeded" && other !== undefined) {
      other.state = "superseded";
      withdraw(other);
    }
  };

  const claim = async (limit: number, leaseMs: number, names: readonly string[]) => {
    const isDue = ({ state, dueAt }: ModelDelivery) =>
      (state === "pending" || state === "running") && dueAt <= now;
    const dueOf = ({ deliveries }: ModelEvent) =>
      [...deliveries].filter(([processor, delivery]) =>
        names.includes(processor) && isDue(delivery)
      );

    const result = await storage.claim({ processors: names, limit, leaseMs, maxAttempts });
    expect(result.claims.length).toBeLessThanOrEqual(limit);
    for (const lease of result.exhausted) {
      const { event, delivery } = find(lease);
      expect(event?.state).toBe("accepted");
      if (delivery === undefined) throw new Error("what is exhausted was never accepted");
      expect([isDue(delivery), delivery.attempts]).toEqual([true, maxAttempts]);
      delivery.state = "dead";
    }
    for (const lease of result.claims) {
      const { event, delivery } = find(lease);
      expect(event?.state).toBe("accepted");
      if (delivery === undefined) throw new Error("what is claimed was never accepted");
      expect(isDue(delivery)).toBe(true);
      expect(lease.attempt).toBe(delivery.attempts + 1);
      expect(lease.attempt).toBeLessThanOrEqual(maxAttempts);
      expect(lease.fence).toBeGreaterThan(delivery.fence);
      delivery.state = "running";
      delivery.attempts = lease.attempt;
      delivery.fence = lease.fence;
      delivery.dueAt = now + leaseMs;
      leases.push(lease);
    }
    const nothingLeft = result.claims.length < limit;
    for (const event of events.values()) {
      if (event.state === "superseded") {
        // Withdrawn once a claim comes upon it, which one with a limit may not have.
        const { deliveries = [] } = await storage.get(event.id) ?? {};
        const left = new Set(deliveries.map(({ processor }) => processor));
        for (const [processor] of dueOf(event)) {
          if (nothingLeft) expect(left).not.toContain(processor);
          if (!left.has(processor)) event.deliveries.delete(processor);
        }
      } else if (nothingLeft) expect(dueOf(event)).toEqual([]);
    }
    return result.claims;
  };

  const settle = async (lease: Lease, outcome: Outcome) => {
    const { event, delivery } = find(lease);
    const held = delivery?.state === "running" && delivery.fence === lease.fence;
    expect(await storage.settle(lease, outcome)).toBe(held);
    if (!held || event === undefined) return;
    if (outcome.kind === "succeeded" || outcome.kind === "dead") delivery.state = outcome.kind;
    else {
      delivery.state = "pending";
      delivery.dueAt = now + (outcome.kind === "retry" ? outcome.afterMs : 0);
      if (outcome.kind === "released") delivery.attempts--;
    }
    if (event.state === "superseded") withdraw(event);
  };

  const renew = async (lease: Lease, leaseMs: number) => {
    const { delivery } = find(lease);
    const held = delivery?.state === "running" && delivery.fence === lease.fence;
    expect(await storage.renew(lease, leaseMs)).toBe(held);
    if (held) delivery.dueAt = now + leaseMs;
  };

  const pass = async (milliseconds: number) => {
    now += milliseconds;
    await advance(milliseconds);
  };

  const compare = async () => {
    for (const [key, { id, name, state, duplicates, deliveries }] of events) {
      expect(await storage.get(id)).toMatchObject({
        key,
        event: name,
        state,
        duplicates,
        deliveries: processors.filter((processor) => deliveries.has(processor)).map((processor) => {
          const { state, attempts } = deliveries.get(processor) as ModelDelivery;
          return { processor, state, attempts };
        }),
      });
    }
  };

  return {
    compare,

    async perform(each: Step): Promise<void> {
      const lease = "lease" in each ? leases[each.lease % leases.length] : undefined;
      if (each.call === "accept") await accept(each);
      else if (each.call === "claim") {
        const names = processors.filter((name) => each.only.includes(name.charAt(0)));
        await claim(each.limit, each.leaseMs, names);
      } else if (each.call === "advance") await pass(each.milliseconds);
      else if (lease === undefined) return;
      else if (each.call === "settle") await settle(lease, each.outcome);
      else await renew(lease, each.leaseMs);
    },

    /** Runs what is left: every delivery ends. */
    async finish(): Promise<void> {
      for (let round = 0; round < 2; round++) {
        await pass(minute);
        const claims = await claim(100, 15 * second, processors);
        for (const lease of claims) await settle(lease, { kind: "succeeded" });
      }
      await compare();
      const open = [...events.values()].flatMap(({ deliveries }) => [...deliveries.values()])
        .filter(({ state }) => state === "pending" || state === "running");
      expect(open).toEqual([]);
    },
  };
}
