import type { Storage } from "imggo-webhooks";
import type { Filled } from "./filled.ts";

/** A line of a table. */
export type Row = Readonly<Record<string, string>>;

/**
 * The lines of a table: how long a call takes with few events and with many. Both are asked in turn,
 * so that what disturbs the machine disturbs both alike.
 */
export async function inTurn(
  filled: readonly Filled[],
  rounds: number,
  call: (storage: Storage) => Promise<unknown>,
  after: (storage: Storage, called: unknown) => Promise<unknown> = async () => {},
): Promise<Row[]> {
  const times: number[][] = filled.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { storage }] of filled.entries()) {
      const startedAt = performance.now();
      const called = await call(storage);
      times[index]?.push(performance.now() - startedAt);
      await after(storage, called);
    }
  }
  const few = quantile(times[0] ?? [], 0.5);
  return times.map((each, index) => ({
    "p50 ms": quantile(each, 0.5).toFixed(2),
    "p99 ms": quantile(each, 0.99).toFixed(2),
    "p50 ÷ few": index === 0 ? "" : (quantile(each, 0.5) / few).toFixed(2),
  }));
}

function quantile(times: readonly number[], part: number): number {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length * part)] ?? NaN;
}
