import type { DeadFilter } from "../storage.ts";
import { batches } from "./batches.ts";
import { readTexts } from "./content.ts";
import { readCounts } from "./counts.ts";
import { getAll } from "./get-all.ts";
import { keys, keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvEntry } from "./kv.ts";
import type { DeadRecord, EventRecord, StatusRecord } from "./records.ts";

const atOnce = 100;

/** An entry among what is dead. */
export interface DeadCandidate {
  readonly id: string;
  readonly processor: string;
  readonly endedAt: number;
}

/** Counts dead deliveries: {@linkcode Storage.countDead}. */
export async function countDead(kv: DenoKv, filter: DeadFilter): Promise<number> {
  if (Object.values(filter).every((each) => each === undefined)) {
    return (await readCounts(kv)).deliveries.dead;
  }
  let count = 0;
  for await (const batch of batches(listDead(kv, filter), atOnce)) {
    const statuses = await Promise.all(
      batch.map(async ({ id }) => (await keysOfEvent(id)).status),
    );
    count += (await getAll(kv, statuses)).filter(isStanding).length;
  }
  return count;
}

/** Whether an event is there and not superseded. */
export function isStanding({ value }: DenoKvEntry): boolean {
  return (value as StatusRecord | null)?.superseded === false;
}

/** The dead deliveries that a filter means, those included that were withdrawn. */
export async function* listDead(kv: DenoKv, filter: DeadFilter): AsyncGenerator<DeadCandidate> {
  const { processor, deadAfter = -Infinity, deadBefore = Infinity } = filter;
  for await (const batch of batches(kv.list({ prefix: keys.deads }), atOnce)) {
    const dead = batch
      .map(({ key, value }) => ({ ...value as DeadRecord, processor: String(key.at(-1)) }))
      .filter((each) =>
        [each.processor, undefined].includes(processor) &&
        each.endedAt >= deadAfter && each.endedAt < deadBefore
      );
    yield* await ofEvents(kv, dead, filter);
  }
}

/** Those of them whose events a filter means. */
async function ofEvents(
  kv: DenoKv,
  dead: readonly DeadCandidate[],
  { event, patternId }: DeadFilter,
): Promise<readonly DeadCandidate[]> {
  if (event === undefined && patternId === undefined) return dead;
  const records = await Promise.all(dead.map(async ({ id }) => (await keysOfEvent(id)).record));
  const meant = await Promise.all((await getAll(kv, records)).map(async ({ value }) => {
    const texts = value === null ? undefined : await readTexts(kv, value as EventRecord);
    return texts !== undefined && [texts.event, undefined].includes(event) &&
      [texts.patternId, undefined].includes(patternId);
  }));
  return dead.filter((_, index) => meant[index]);
}
