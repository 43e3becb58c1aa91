import fc from "fast-check";
import type { Storage } from "imggo-webhooks";
import { createFetchTarget } from "./fetch-target.ts";
import { anyRequest } from "./requests.ts";

/** How much is fuzzed. */
export interface Campaign {
  readonly cases: number;
  /** The same seed gives the same cases. */
  readonly seed: number;
}

/** What came of it. */
export interface CampaignReport {
  /** Bodies that were acknowledged as new. */
  readonly kept: ReadonlyMap<string, Uint8Array>;
  /** How often each status was answered. */
  readonly answers: ReadonlyMap<number, number>;
}

/**
 * Sends a receiver over this storage so many fuzzed requests.
 *
 * @throws {Error} with the smallest case that was found to fail, and the seed.
 */
export async function fuzzReceiver(
  storage: Storage,
  { cases, seed }: Campaign,
): Promise<CampaignReport> {
  const target = createFetchTarget(storage);
  try {
    await fc.assert(fc.asyncProperty(anyRequest, target.send), { numRuns: cases, seed });
    const { kept, answers } = target;
    await expectAllKept(storage, kept);
    return { kept, answers };
  } finally {
    await target.stop();
  }
}

/** That what was acknowledged is there, and nothing else, each with its very bytes. */
export async function expectAllKept(
  storage: Storage,
  kept: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const { events } = await storage.list({ limit: kept.size + 1 });
  if (events.length !== kept.size) {
    throw new Error(`expected ${kept.size} events in the storage, and there are ${events.length}`);
  }
  for (const [id, bytes] of kept) {
    const body = await storage.body(id);
    if (body === undefined || Buffer.compare(body, bytes) !== 0) {
      throw new Error(`expected ${id} with the bytes that were acknowledged`);
    }
  }
}

/** Every body in a storage, as text that tells them apart. */
export async function bodiesIn(storage: Storage): Promise<ReadonlySet<string>> {
  const bodies = new Set<string>();
  let cursor: string | null | undefined;
  do {
    const page = await storage.list({ limit: 500, ...(cursor && { cursor }) });
    for (const { id } of page.events) {
      bodies.add(Buffer.from(await storage.body(id) ?? []).toString("latin1"));
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  return bodies;
}
