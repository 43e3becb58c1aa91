import { type Storage, StorageError, type StoredEvent } from "../storage.ts";
import { isSealed } from "./seal.ts";

/** What a spool still holds. */
export interface Leftovers {
  /** Whether anything waits to be moved. */
  readonly waiting: boolean;
  /** How many events are set aside; counted only where nothing waits. */
  readonly setAside: number;
}

// So the reason begins why an event waits without holding up the others.
const setAsideMark = "Set aside: ";

/** The reason to keep with an event that is set aside. */
export function setAsideFor(reason: string): string {
  return setAsideMark + reason;
}

/** Whether an event in a spool was set aside. */
export function isSetAside({ deliveries }: StoredEvent): boolean {
  return deliveries.some(({ lastError }) => lastError?.startsWith(setAsideMark));
}

/** Whether an event in a spool is still to be moved. */
export function isUnmoved({ deliveries }: StoredEvent): boolean {
  return deliveries.some(({ state }) => state !== "succeeded");
}

/** How many events are removed at once: the SQLite storage does it on the server's thread. */
export const pruneAtOnce = 250;

/** Removes what was moved from a spool; so much at the most. Whether that was all. */
export async function pruneMoved(spool: Storage): Promise<boolean> {
  const request = { receivedBefore: Number.MAX_SAFE_INTEGER, limit: pruneAtOnce };
  return await spool.prune(request) < pruneAtOnce;
}

/**
 * Removes what was moved, and looks whether anything is left, also what a process that was killed
 * still holds.
 *
 * @throws {StorageError} `schema` where the spool holds the events of a storage: they are not to be
 * moved, still less to be removed.
 */
export async function lookFor(spool: Storage): Promise<Leftovers> {
  (await spool.list({ limit: 1 })).events.forEach(expectSealed);
  while (!await pruneMoved(spool));
  let setAside = 0;
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const { events, nextCursor } = await spool.list({ limit: 100, ...(cursor && { cursor }) });
    for (const event of events) {
      expectSealed(event);
      if (!isUnmoved(event)) continue;
      if (!isSetAside(event)) return { waiting: true, setAside };
      setAside++;
    }
    cursor = nextCursor;
  }
  return { waiting: false, setAside };
}

function expectSealed(event: StoredEvent): void {
  if (isSealed(event)) return;
  throw new StorageError(
    "schema",
    "The spool holds the events of a storage: expected a place of its own for it.",
  );
}
