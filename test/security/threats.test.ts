import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const folder = new URL("./", import.meta.url);
const text = await readFile(new URL("README.md", folder), "utf8");

/** The rows of the table: what threatens, and the tests that are linked. */
const rows = [...text.matchAll(/^\| ([^|]+?) +\| [^|]+ \| (\[.+)\|$/gm)].map((
  [, threat, links],
) => ({
  threat: threat ?? "",
  tests: [...(links ?? "").matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)]
    .map(([, name = "", file = ""]) => ({ name, file })),
}));

test("the table of threats has every row of the threat model", () => {
  expect(rows.length).toBeGreaterThanOrEqual(16);
  for (const { threat, tests } of rows) expect(tests.length, threat).toBeGreaterThan(0);
});

test.each(rows)("the table of threats names tests that there are: $threat", async ({ tests }) => {
  for (const { name, file } of tests) {
    const source = await readFile(new URL(file, folder), "utf8");
    expect(source, `${file}: ${name}`).toContain(name);
  }
});
