import { afterAll, beforeAll } from "vitest";
import { d1Storage } from "../../src/storage/d1.ts";
import { type D1UnderTest, startD1 } from "../support/d1-database.ts";
import { describeStorage, testClock } from "./contract.ts";

let d1: D1UnderTest;
beforeAll(async () => {
  d1 = await startD1();
});
afterAll(() => d1.dispose());

describeStorage("d1Storage()", {
  create() {
    const clock = testClock();
    return { open: () => d1Storage(d1.database, clock), advance: clock.advance, dispose: d1.empty };
  },
});
