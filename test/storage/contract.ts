import type { Storage } from "imggo-webhooks";
import { describe, it } from "vitest";
import { acceptTests } from "./contract/accept.ts";
import { acceptLeaseTests } from "./contract/accept-lease.ts";
import { activityTests } from "./contract/activity.ts";
import { attemptTests } from "./contract/attempts.ts";
import { claimTests } from "./contract/claim.ts";
import { deadGroupTests } from "./contract/dead-groups.ts";
import { expectationTests } from "./contract/expectations.ts";
import { filterTests } from "./contract/filter.ts";
import { fulfilmentTests } from "./contract/fulfilment.ts";
import { leaseTests } from "./contract/lease.ts";
import { modelTests } from "./contract/model.ts";
import { pruneTests } from "./contract/prune.ts";
import { readTests } from "./contract/read.ts";
import { redeliverAtOnceTests } from "./contract/redeliver-at-once.ts";
import { redeliverTests } from "./contract/redeliver.ts";
import { redriveTests } from "./contract/redrive.ts";
import { rejectionTests } from "./contract/rejections.ts";
import { statsTests } from "./contract/stats.ts";
import { supersedeTests } from "./contract/supersede.ts";
import { timeTests } from "./contract/time.ts";

/** A place for the data of one test. */
export interface StoragePlace {
  /**
   * Opens a storage over this place's data; called again, another one over the same data. The suite
   * closes what it opened.
   */
  open(): Storage | Promise<Storage>;
  /**
   * Makes so many milliseconds go by for every storage of this place; negative, the clock is set
   * back. A storage that takes no clock is aged instead, by moving the times that it stored.
   */
  advance(milliseconds: number): void | Promise<void>;
  /** Removes the data. */
  dispose(): void | Promise<void>;
}

/**
 * What a storage may lack:
 * - `sharedData`: several storages over the same data, at once or one after another.
 * - `leaseAtAccept`: claims in the transaction that stores the event.
 */
export type StorageFeature = "sharedData" | "leaseAtAccept";

/** A storage as the suite needs it. */
export interface StorageHarness {
  /** Makes a place without any data. */
  create(): StoragePlace | Promise<StoragePlace>;
  /** What this storage lacks, with the reason. The tests of it are shown as skipped. */
  readonly divergences?: Readonly<Partial<Record<StorageFeature, string>>>;
}

/** A clock for storages that take one: an option `now`, and what moves it. */
export interface TestClock {
  readonly now: () => number;
  readonly advance: (milliseconds: number) => void;
}

/** A clock that stands still unless it is advanced. */
export function testClock(): TestClock {
  let time = Date.UTC(2026, 0, 1, 12);
  return {
    now: () => time,
    advance: (milliseconds) => {
      time += milliseconds;
    },
  };
}

/** What a test works with. */
export interface World {
  readonly storage: Storage;
  readonly advance: StoragePlace["advance"];
  /** Another storage over the same data. */
  readonly openAnother: () => Promise<Storage>;
  /** Closes `storage` and opens the same data again. */
  readonly reopen: () => Promise<Storage>;
}

/** Registers the tests that every storage passes. */
export function describeStorage(name: string, harness: StorageHarness): void {
  const test = (
    name: string,
    work: (world: World) => Promise<void>,
    { needs = [] }: { readonly needs?: StorageFeature | readonly StorageFeature[] } = {},
  ): void => {
    it(name, async ({ skip }) => {
      for (const feature of [needs].flat()) {
        const lacking = harness.divergences?.[feature];
        if (lacking !== undefined) skip(lacking);
      }
      const place = await harness.create();
      const opened = new Set<Storage>();
      const open = async () => {
        const storage = await place.open();
        opened.add(storage);
        return storage;
      };
      try {
        const storage = await open();
        await work({
          storage,
          advance: (milliseconds) => place.advance(milliseconds),
          openAnother: open,
          reopen: async () => {
            opened.delete(storage);
            await storage.close();
            return await open();
          },
        });
      } finally {
        for (const storage of opened) await storage.close();
        await place.dispose();
      }
    });
  };

  describe(name, () => {
    describe("accept()", () => acceptTests(test));
    describe("accept() of a job's both ends", () => supersedeTests(test));
    describe("accept() with a lease", () => acceptLeaseTests(test));
    describe("claim()", () => claimTests(test));
    describe("settle() and renew()", () => leaseTests(test));
    describe("attempts()", () => attemptTests(test));
    describe("get(), body() and list()", () => readTests(test));
    describe("list() with a filter", () => filterTests(test));
    describe("redeliver()", () => redeliverTests(test));
    describe("redeliver() at once with others", () => redeliverAtOnceTests(test));
    describe("redrive() and countDead()", () => redriveTests(test));
    describe("deadGroups()", () => deadGroupTests(test));
    describe("activity", () => activityTests(test));
    describe("stats()", () => statsTests(test));
    describe("expectations", () => expectationTests(test));
    describe("expectations and events", () => fulfilmentTests(test));
    describe("rejections", () => rejectionTests(test));
    describe("prune()", () => pruneTests(test));
    describe("over time", () => timeTests(test));
    describe("any sequence of calls", () => modelTests(test));
  });
}

/** Registers a test; of a feature that the storage lacks, as skipped. */
export type Test = (
  name: string,
  work: (world: World) => Promise<void>,
  options?: { readonly needs?: StorageFeature | readonly StorageFeature[] },
) => void;
