import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/process.ts";
import { mutantsOf, mutate } from "./mutants.ts";
import { targets } from "./targets.ts";

const changed = (source: string) => mutantsOf(source).map((mutant) => mutate(source, mutant));

test.each([
  ["a === b;", ["a !== b;"]],
  ["x = a <= b + 1;", [";", "x = a < b + 1;", "x = a <= b - 1;"]],
  ['x = a + "text";', [";"]],
  ["if (a && b) c();", ["if (!(a && b)) c();", "if (a || b) c();", "if (a && b) ;"]],
  ["const x = !a ? true : 1;", ["const x = a ? true : 1;", "const x = !a ? false : 1;"]],
  ["type A<B> = B extends true ? 1 : 2;", []],
  ['log.info("said"); this.logger?.warn("said");', []],
  ["const sql = `SELECT 1 FROM a WHERE b = ? AND c < 2`;", [
    "const sql = `SELECT 1 FROM a WHERE b <> ? AND c < 2`;",
    "const sql = `SELECT 1 FROM a WHERE b = ? OR c < 2`;",
    "const sql = `SELECT 1 FROM a WHERE b = ? AND c <= 2`;",
  ]],
  ["const sql = `SELECT 1 WHERE a <= statement_timestamp() AND b > c`;", [
    "const sql = `SELECT 1 WHERE a > statement_timestamp() AND b > c`;",
    "const sql = `SELECT 1 WHERE a <= statement_timestamp() OR b > c`;",
    "const sql = `SELECT 1 WHERE a <= statement_timestamp() AND b >= c`;",
  ]],
])("mutantsOf() changes %s", (source, expected) => {
  expect(changed(source).sort()).toEqual([...expected].sort());
});

test("mutantsOf() tells the line", () => {
  expect(mutantsOf("a;\n\nb === c;")).toMatchObject([{ line: 3 }]);
});

test("each target's sources and tests are there", () => {
  for (const { sources, tests, thorough = [] } of targets) {
    for (const source of sources) expect(existsSync(join(root, "src", source)), source).toBe(true);
    for (const file of [...tests, ...thorough]) {
      const path = join(root, "test", file);
      expect([path, `${path}.test.ts`].some(existsSync), file).toBe(true);
    }
  }
});
