import type { DeadFilter, EventFilter, Storage } from "imggo-webhooks";
import type { Filled } from "./filled.ts";
import { inTurn, type Took } from "./in-turn.ts";

const filters: Readonly<Record<string, EventFilter>> = {
  "all": {},
  "of a job": { jobId: "job_500" },
  "of a pattern of 2 %": { patternId: "pat_7" },
  "of a rare pattern": { patternId: "pat_rare" },
  "of a pattern that is not there": { patternId: "pat_none" },
  "failed": { event: "job.failed" },
  "quarantined": { state: "quarantined" },
  "dead": { deliveryState: "dead" },
  "pending": { deliveryState: "pending" },
  "running": { deliveryState: "running" },
  "succeeded, of a rare pattern": { deliveryState: "succeeded", patternId: "pat_rare" },
  "dead, failed": { deliveryState: "dead", event: "job.failed" },
};

/** The first 50, by as many pages as that takes. */
async function list(storage: Storage, filter: EventFilter): Promise<void> {
  let cursor: string | null = null;
  let found = 0;
  do {
    const position = { limit: 50 - found, ...(cursor !== null && { cursor }) };
    const page: Awaited<ReturnType<Storage["list"]>> = await storage.list({
      ...filter,
      ...position,
    });
    found += page.events.length;
    cursor = page.nextCursor;
  } while (cursor !== null && found < 50);
}

const group: DeadFilter = { processor: "a", error: "The target answered 503." };

const calls: Readonly<Record<string, (storage: Storage) => Promise<unknown>>> = {
  ...Object.fromEntries(
    Object.entries(filters).map(([name, filter]) => [
      `list(), 50 ${name}`,
      (storage: Storage) => list(storage, filter),
    ]),
  ),
  "countDead() of a group": (storage) => storage.countDead(group),
  "deadGroups()": (storage) => storage.deadGroups({ limit: 50 }),
  "stats()": (storage) => storage.stats(),
};

/** How long it takes to look at what is there. */
export async function benchRead(
  filled: readonly Filled[],
  rounds: number,
): Promise<Record<string, Took[]>> {
  const found: Record<string, Took[]> = {};
  for (const [name, call] of Object.entries(calls)) {
    found[name] = await inTurn(filled, rounds, call);
  }
  return found;
}
