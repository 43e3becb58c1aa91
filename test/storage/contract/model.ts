import fc from "fast-check";
import type { Claim, Delivery, EventState, Lease, Outcome, StorageStats } from "imggo-webhooks";
import { expect } from "vitest";
import { newEvent } from "../../support/new-event.ts";
import type { Test, World } from "../contract.ts";
import { minute, second } from "./calls.ts";
import { type Step, step } from "./model-steps.ts";

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

/** Random sequences of calls, and a model of what they must do. */
export function modelTests(test: Test): void {
  test("any sequence of calls does what the model of it does", async (world) => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 50, size: "max" }),
        async (steps) => {
          const run = createModelRun(world, `${runs++}`, await world.storage.stats());
          for (const each of steps) {
            await run.perform(each);
            await run.compare();
          }
          await run.finish();
        },
      ),
      // On a slow disk some of them will do.
      { numRuns: 100, interruptAfterTimeLimit: 2_500 },
    );
  });
}

/**
 * One run beside the model. Jobs and processors carry the run's name: runs share a storage.
 *
 * @param before What the runs before have left.
 */
function createModelRun({ storage, advance }: World, runName: string, before: StorageStats) {
  const maxAttempts = 3;
  // The last gets nothing unless it is redelivered.
  const processors = ["a", "b", "c"].map((name) => `${name}${runName}`);
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

  const pending = (fence: number): ModelDelivery => ({
    state: "pending",
    attempts: 0,
    fence,
    dueAt: now,
  });

  const namesOf = (only: string) => processors.filter((name) => only.includes(name.charAt(0)));

  const start = (claim: Claim, delivery: ModelDelivery | undefined, leaseMs: number) => {
    if (delivery === undefined) throw new Error("what is claimed was never accepted");
    delivery.state = "running";
    delivery.attempts = claim.attempt;
    delivery.fence = claim.fence;
    delivery.dueAt = now + leaseMs;
    leases.push(claim);
  };

  const accept = async ({ job, name, only, leaseMs }: Extract<Step, { call: "accept" }>) => {
    const event = await newEvent({
      event: name,
      jobId: `job_${runName}_${job}`,
      processors: processors.slice(0, 2),
    });
    const known = events.get(event.key);
    const otherEnd = name === "job.failed" ? "job.succeeded" : "job.failed";
    const other = events.get(`${otherEnd}:${event.jobId}`);
    const wanted = namesOf(only);
    const lease = wanted.length > 0 ? { processors: wanted, leaseMs } : undefined;
    const { claims = [], ...acceptance } = await storage.accept(event, undefined, lease);
    if (known !== undefined) {
      known.duplicates++;
      expect(acceptance).toEqual(
        { id: known.id, duplicate: true, state: known.state, identical: true },
      );
      expect(claims).toEqual([]);
      return;
    }
    const late = name === "job.failed" && other !== undefined;
    const state = late ? "superseded" : "accepted";
    expect(acceptance).toEqual({ id: event.id, duplicate: false, state, identical: true });
    const deliveries = new Map<string, ModelDelivery>(
      late ? [] : event.processors.map((processor) => [processor, pending(-Infinity)]),
    );
    events.set(event.key, { id: event.id, name, state, duplicates: 0, deliveries });
    for (const claim of claims) {
      expect(wanted).toContain(claim.processor);
      expect(claim).toMatchObject({ eventId: event.id, attempt: 1 });
      start(claim, deliveries.get(claim.processor), leaseMs);
    }
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
      start(lease, delivery, leaseMs);
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

  const redeliver = async (job: number, name: string, names: readonly string[]) => {
    const event = events.get(`${name}:job_${runName}_${job}`);
    const again = event?.state === "accepted"
      ? names.filter((processor) => {
        const state = event.deliveries.get(processor)?.state;
        return state !== "pending" && state !== "running";
      })
      : [];
    expect(await storage.redeliver(event?.id ?? "evt_unknown", names)).toBe(again.length);
    for (const processor of again) {
      const fence = event?.deliveries.get(processor)?.fence ?? -Infinity;
      event?.deliveries.set(processor, pending(fence));
    }
  };

  const redrive = async (processor: string, limit: number) => {
    const dead = [...events.values()].filter(({ deliveries }) =>
      deliveries.get(processor)?.state === "dead"
    );
    expect(await storage.countDead({ processor })).toBe(dead.length);
    const count = await storage.redrive({ processor, limit });
    expect(count).toBeLessThanOrEqual(limit);
    expect(count > 0).toBe(dead.length > 0);
    expect(await storage.countDead({ processor })).toBe(dead.length - count);
    // Which of them is the storage's own choice.
    for (const { id, deliveries } of dead) {
      const stored = (await storage.get(id))?.deliveries.find((each) =>
        each.processor === processor
      );
      const { fence } = deliveries.get(processor) as ModelDelivery;
      if (stored?.state === "pending") deliveries.set(processor, pending(fence));
    }
  };

  /** What the model counts on top of what was there before. */
  const expectStats = async () => {
    const counted = { events: { ...before.events }, deliveries: { ...before.deliveries } };
    let duplicates = before.duplicates;
    for (const event of events.values()) {
      counted.events[event.state]++;
      for (const { state } of event.deliveries.values()) counted.deliveries[state]++;
      duplicates += event.duplicates;
    }
    expect(await storage.stats()).toMatchObject({ ...counted, duplicates });
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
          const ended = state === "succeeded" || state === "dead";
          return { processor, state, attempts, endedAt: ended ? expect.any(Number) : null };
        }),
      });
    }
    await expectStats();
  };

  return {
    compare,

    async perform(each: Step): Promise<void> {
      const lease = "lease" in each ? leases[each.lease % leases.length] : undefined;
      if (each.call === "accept") await accept(each);
      else if (each.call === "claim") {
        await claim(each.limit, each.leaseMs, namesOf(each.only));
      } else if (each.call === "redeliver") {
        await redeliver(each.job, each.name, namesOf(each.only));
      } else if (each.call === "redrive") {
        for (const processor of namesOf(each.only)) await redrive(processor, each.limit);
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
