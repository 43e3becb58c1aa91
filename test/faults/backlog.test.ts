import type { Storage } from "imggo-webhooks";
import { expect, onTestFinished, test } from "vitest";
import { fillSqlite } from "../bench/growth/fill-sqlite.ts";
import { newEvent } from "../support/new-event.ts";
import { isLong } from "./long.ts";

const few = 1_000;
const many = isLong ? 1_000_000 : 30_000;
const rounds = 40;
const request = { processors: ["a"], limit: 10, leaseMs: 60_000, maxAttempts: 8 };

async function fill(count: number): Promise<Storage> {
  const { storage, dispose } = await fillSqlite(count, "pending");
  onTestFinished(dispose);
  return storage;
}

const median = (times: readonly number[]) =>
  times.toSorted((one, other) => one - other)[Math.floor(times.length / 2)] ?? NaN;

test(
  "backlog: claim and accept take as long with a million pending as with a thousand",
  async () => {
    const storages = [await fill(few), await fill(many)] as const;
    const calls: Record<string, (storage: Storage) => Promise<unknown>> = {
      claim: async (storage) => {
        const { claims } = await storage.claim(request);
        expect(claims).toHaveLength(10);
      },
      accept: async (storage) => await storage.accept(await newEvent()),
    };
    for (const [name, call] of Object.entries(calls)) {
      const times: [number[], number[]] = [[], []];
      // In turn, so that what disturbs the machine disturbs both alike.
      for (let round = 0; round < rounds; round++) {
        for (const [index, storage] of storages.entries()) {
          const startedAt = performance.now();
          await call(storage);
          times[index as 0 | 1].push(performance.now() - startedAt);
        }
      }
      // With a scan the one would take many times as long as the other.
      expect(median(times[1]), name).toBeLessThan(3 * median(times[0]) + 1);
    }
  },
  300_000,
);
