import type { Storage } from "imggo-webhooks";
import type { TestClock } from "../storage/contract.ts";
import { expectFirstVersionKept, firstVersionClock, firstVersionRows } from "./first-version.ts";
import {
  expectSecondVersionKept,
  secondVersionClock,
  secondVersionRows,
} from "./second-version.ts";

/** An earlier version of SQLite's and D1's tables. */
export interface EarlierVersion {
  readonly name: string;
  /** How many migrations it had. */
  readonly version: number;
  /** What it wrote, as SQL. */
  readonly rows: string;
  /** The clock of whoever opens that. */
  readonly clock: Pick<TestClock, "now">;
  /** That a storage over it shows all of it, and works with it. */
  expectKept(storage: Storage): Promise<void>;
}

/** Every version before this one. */
export const earlierVersions: readonly EarlierVersion[] = [
  {
    name: "first",
    version: 1,
    rows: firstVersionRows,
    clock: firstVersionClock,
    expectKept: expectFirstVersionKept,
  },
  {
    name: "second",
    version: 2,
    rows: secondVersionRows,
    clock: secondVersionClock,
    expectKept: expectSecondVersionKept,
  },
];
