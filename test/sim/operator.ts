import type { Storage, StoredEvent } from "../../src/storage/storage.ts";
import type { Auditor } from "./auditor.ts";
import type { DeliveryWatch } from "./deliveries.ts";
import type { World } from "./world.ts";

const operations = ["prune", "redrive", "redeliver"] as const;

type Operation = typeof operations[number];

/** Who does by hand what nothing does by itself, without any fault. */
export interface Operator {
  operate(operation: Operation): void;
}

export function isOperation(kind: string): kind is Operation {
  return operations.some((operation) => operation === kind);
}

export function createOperator(
  { storage, auditor, watch, world }: {
    readonly storage: Storage;
    readonly auditor: Auditor;
    readonly watch: DeliveryWatch;
    readonly world: World;
  },
): Operator {
  const events = async () => (await storage.list({ limit: 1_000 })).events;

  const perform: Record<Operation, (all: readonly StoredEvent[]) => Promise<unknown>> = {
    prune: () => storage.prune({ receivedBefore: Number.MAX_SAFE_INTEGER, limit: 100 }),
    redrive: () => storage.redrive({ limit: 100 }),
    async redeliver(all) {
      if (all.length === 0) return;
      const { id, deliveries } = world.random.pick(all);
      await storage.redeliver(id, deliveries.map(({ processor }) => processor));
    },
  };

  /** Whether nothing is left to be done for an event. */
  const isDone = ({ state, deliveries }: StoredEvent) =>
    state !== "quarantined" && deliveries.every((each) => each.state === "succeeded");

  const operate = async (operation: Operation) => {
    await auditor.audit();
    const before = await events();
    await perform[operation](before);
    const after = new Map((await events()).map((event) => [event.id, event]));
    world.hit(`operator: ${operation}`);
    world.log(
      "operator",
      () => `${operation}: ${before.length - after.size} of ${before.length} go`,
    );
    for (const event of before) {
      const now = after.get(event.id);
      if (now === undefined) {
        if (!isDone(event)) world.broken(`only what is done is pruned: ${event.id}`);
        auditor.pruned(event);
        continue;
      }
      const restarted = event.deliveries.filter(({ processor, state }) =>
        (state === "dead" || state === "succeeded") &&
        now.deliveries.some((each) => each.processor === processor && each.state === "pending")
      );
      if (restarted.length > 0) auditor.changed(event);
      for (const { processor } of restarted) watch.restarted({ eventId: event.id, processor });
    }
    await auditor.audit();
  };

  return { operate: (operation) => void operate(operation) };
}
