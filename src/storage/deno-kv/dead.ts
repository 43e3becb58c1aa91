import type { DeadFilter } from "../storage.ts";
import { batches } from "./batches.ts";
import { readTexts } from "./content.ts";
import { readCounts } from "./counts.ts";
import { getAll } from "./get-all.ts";
import { keys, keysOfEvent } from "./keys.ts";
import type { DenoKv, DenoKvEntry } from "./kv.ts";
import type {
  DeadRecord,
  DeliveryRecord,
  EventRecord,
  EventTexts,
  StatusRecord,
} from "./records.ts";

const atOnce = 100;

/** An entry among what is dead. */
export interface DeadCandidate extends DeadRecord {
  readonly processor: string;
  /** Of its event, in the order. */
  readonly place: string;
}

/** Counts dead deliveries: {@linkcode Storage.countDead}. */
export async function countDead(kv: DenoKv, filter: DeadFilter): Promise<number> {
  if (Object.values(filter).every((each) => each === undefined)) {
    return (await readCounts(kv)).deliveries.dead;
  }
  let count = 0;
  for await (const batch of batches(listDead(kv, filter), atOnce)) {
    count += (await onlyStanding(kv, batch)).length;
  }
  return count;
}

/** Those of them that were not withdrawn. */
export async function onlyStanding(
  kv: DenoKv,
  dead: readonly DeadCandidate[],
): Promise<DeadCandidate[]> {
  const statuses = await Promise.all(dead.map(async ({ id }) => (await keysOfEvent(id)).status));
  const entries = await getAll(kv, statuses);
  return dead.filter((_, index) => {
    const entry = entries[index];
    return entry !== undefined && isStanding(entry);
  });
}

/** Whether an event is there and not superseded. */
export function isStanding({ value }: DenoKvEntry): boolean {
  return (value as StatusRecord | null)?.superseded === false;
}

/** The dead deliveries that a filter means, those included that were withdrawn. */
export async function* listDead(kv: DenoKv, filter: DeadFilter): AsyncGenerator<DeadCandidate> {
  const { processor, deadAfter = -Infinity, deadBefore = Infinity } = filter;
  const entries = kv.list({ prefix: keys.deads }, { batchSize: 500 });
  for await (const batch of batches(entries, atOnce)) {
    const dead = batch
      .map(({ key, value }): DeadCandidate => ({
        ...value as DeadRecord,
        processor: String(key.at(-1)),
        place: String(key.at(-2)),
      }))
      .filter((each) =>
        [each.processor, undefined].includes(processor) &&
        each.endedAt >= deadAfter && each.endedAt < deadBefore
      );
    yield* await ofEvents(kv, await ofError(kv, dead, filter), filter);
  }
}

/** Those of them that died of the error that a filter means. */
async function ofError(
  kv: DenoKv,
  dead: readonly DeadCandidate[],
  { error }: DeadFilter,
): Promise<readonly DeadCandidate[]> {
  if (error === undefined) return dead;
  return (await withErrors(kv, dead)).filter((each) => each.error === error);
}

/** All of them, with what they died of. */
export async function withErrors(
  kv: DenoKv,
  dead: readonly DeadCandidate[],
): Promise<(DeadCandidate & { readonly error: string })[]> {
  const unknown = dead.filter(({ error }) => error === undefined);
  const deliveries = await getAll(
    kv,
    await Promise.all(
      unknown.map(async ({ id, processor }) => (await keysOfEvent(id)).delivery(processor)),
    ),
  );
  const read = new Map(unknown.map((each, index) => {
    const delivery = deliveries[index]?.value as DeliveryRecord | null | undefined;
    return [each, delivery?.lastError ?? ""];
  }));
  return dead.map((each) => ({ ...each, error: each.error ?? read.get(each) ?? "" }));
}

/** Those of them whose events a filter means. */
async function ofEvents(
  kv: DenoKv,
  dead: readonly DeadCandidate[],
  { event, patternId }: DeadFilter,
): Promise<readonly DeadCandidate[]> {
  if (event === undefined && patternId === undefined) return dead;
  const isMeant = (texts: Pick<EventTexts, "event" | "patternId">) =>
    [texts.event, undefined].includes(event) && [texts.patternId, undefined].includes(patternId);
  const unknown = dead.filter(({ kind }) => kind === undefined);
  const records = await getAll(
    kv,
    await Promise.all(unknown.map(async ({ id }) => (await keysOfEvent(id)).record)),
  );
  const read = new Map(
    await Promise.all(records.map(async ({ value }, index) => {
      const texts = value === null ? undefined : await readTexts(kv, value as EventRecord);
      return [unknown[index], texts] as const;
    })),
  );
  return dead.filter((each) => {
    const texts = each.kind ?? read.get(each);
    return texts !== undefined && isMeant(texts);
  });
}
