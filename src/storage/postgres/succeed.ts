import type { Lease } from "../storage.ts";

/** A success that waits to be recorded. */
interface Waiting {
  readonly lease: Lease;
  readonly resolve: (held: boolean) => void;
  readonly reject: (error: unknown) => void;
}

// So many are recorded by one statement at the most.
const most = 100;
// So many statements at once at the most: what comes meanwhile shares the next one.
const mostAtOnce = 2;

/**
 * Makes a function that records a success: false where the lease is lost. Those that come while others
 * are being recorded share a statement, a round trip and a commit; one alone waits for nothing.
 *
 * @param record Records some by one statement; gives the places in the list of those held.
 */
export function createSucceed(
  record: (leases: readonly unknown[]) => Promise<readonly number[]>,
): (lease: Lease) => Promise<boolean> {
  const waiting: Waiting[] = [];
  let underWay = 0;

  const flush = async (): Promise<void> => {
    const group = waiting.splice(0, most);
    const leases = group.map(({ lease: { eventId: id, processor, fence } }) => ({
      id,
      processor,
      fence,
    }));
    try {
      const held = new Set(await record(leases));
      group.forEach(({ resolve }, place) => resolve(held.has(place)));
    } catch (error) {
      // Nothing of it is known to be recorded. Whoever waits tries again.
      for (const { reject } of group) reject(error);
    }
  };

  const begin = async (): Promise<void> => {
    underWay++;
    // What this turn brings comes along.
    await null;
    while (waiting.length > 0) await flush();
    underWay--;
  };

  return (lease) =>
    new Promise((resolve, reject) => {
      waiting.push({ lease, resolve, reject });
      if (underWay < mostAtOnce) void begin();
    });
}
