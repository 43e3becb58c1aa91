import { expect, test } from "vitest";
import { quantile } from "./median.ts";
import { readOptions } from "./options.ts";
import { formatTable } from "./table.ts";
import { checkTargets } from "./targets.ts";

const accept = (name: string, perSecond: number) => ({ [`accept a second, ${name}`]: perSecond });

test("checkTargets() compares ratios with what must be reached, and says what was not measured", () => {
  const { rows } = checkTargets({
    ...accept("floor: node:http, createHmac", 1_000),
    ...accept("Express sample", 700),
    ...accept("ours: Node.js, SQLite", 699),
    "Worker kB gzipped": 25,
  });
  const row = (what: string) => rows.find((each) => each["what"] === what);
  expect(row("accept on Node.js ÷ floor")).toMatchObject({ reached: "0.70", "": "NOT MET" });
  expect(row("accept on Node.js ÷ Express")).toMatchObject({ reached: "1.00", "": "NOT MET" });
  expect(row("accept on Bun ÷ floor")).toMatchObject({ reached: "not measured", "": "" });
  expect(row("Worker with D1, gzipped, in kB")).toMatchObject({ reached: "25.00", "": "met" });
});

test("readOptions() refuses what it does not know, and a quick run is a short one", () => {
  expect(() => readOptions(["--only", "accept,nothing"])).toThrow(
    "--only: expected some of accept,",
  );
  expect(() => readOptions(["--rounds", "0"])).toThrow("--rounds: expected a whole number");
  expect(() => readOptions(["--fast"])).toThrow("--fast");
  const [quick, full] = [readOptions(["--quick"]), readOptions([])];
  expect(quick.only.length).toBeLessThan(full.only.length);
  expect(quick.rounds * quick.seconds).toBeLessThan(full.rounds * full.seconds);
});

test("quantile() lies between the values beside it", () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(quantile([1, 2, 3], 1)).toBe(3);
  expect(quantile([], 0.5)).toBeNaN();
});

test("formatTable() aligns, and keeps columns in the order in which they appear", () => {
  expect(formatTable({ title: "T", rows: [{ what: "a", b: "1" }, { what: "long", c: "2" }] })).toBe(
    "### T\n\n| what | b   | c   |\n| ---- | --- | --- |\n| a    | 1   |     |\n| long |     | 2   |\n",
  );
});
