import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../support/process.ts";

test("the table of faults names tests that there are", async () => {
  const table = await readFile(join(root, "test/faults/README.md"), "utf8");
  const named = [...table.matchAll(/`(test\/[\w/.-]+\.ts)`: ([^;|]+?) *(?=[;|])/g)];
  expect(named.length).toBeGreaterThan(40);
  for (const [, file = "", name = ""] of named) {
    expect(await readFile(join(root, file), "utf8"), file).toContain(name);
  }
  // One that is named in another way would not be looked for.
  expect(named).toHaveLength(table.match(/`test\//g)?.length ?? 0);
});
