import { setTimeout as pause } from "node:timers/promises";
import type { EventPage, Storage, StoredEvent } from "../../src/storage/storage.ts";

/** All that is stored. */
export async function* allEvents(storage: Storage): AsyncGenerator<StoredEvent> {
  let cursor: string | null = null;
  do {
    const page: EventPage = await storage.list({
      limit: 1_000,
      ...(cursor !== null && { cursor }),
    });
    yield* page.events;
    cursor = page.nextCursor;
  } while (cursor !== null);
}

/** Waits until nothing is to be done, for 2 minutes at most; whether that came. */
export async function untilIdle(storage: Storage): Promise<boolean> {
  const giveUpAt = performance.now() + 120_000;
  while (performance.now() < giveUpAt) {
    const { deliveries } = await storage.stats();
    if (deliveries.pending + deliveries.running === 0) return true;
    await pause(200);
  }
  return false;
}
