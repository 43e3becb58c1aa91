import type { Storage } from "imggo-webhooks";
import { quantile } from "../median.ts";
import type { Filled } from "./filled.ts";

/** How long a call takes, in milliseconds. */
export interface Took {
  readonly p50: number;
  readonly p99: number;
}

/**
 * How long a call takes with few events and with many, in the order of what is given. All are asked in
 * turn, so that what disturbs the machine disturbs them alike.
 */
export async function inTurn(
  filled: readonly Filled[],
  rounds: number,
  call: (storage: Storage) => Promise<unknown>,
  after: (storage: Storage, called: unknown) => Promise<unknown> = async () => {},
): Promise<Took[]> {
  const times: number[][] = filled.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { storage }] of filled.entries()) {
      const startedAt = performance.now();
      const called = await call(storage);
      times[index]?.push(performance.now() - startedAt);
      await after(storage, called);
    }
  }
  return times.map((each) => ({ p50: quantile(each, 0.5), p99: quantile(each, 0.99) }));
}
