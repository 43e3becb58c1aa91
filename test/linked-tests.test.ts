import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

/** The documents that link tests from tables, and how many rows each has. */
const documents = [
  ["README.md", 6],
  ["security/README.md", 16],
] as const;

test.each(documents)("%s names tests that there are, in each of %d rows", async (path, count) => {
  const document = new URL(path, import.meta.url);
  const text = await readFile(document, "utf8");
  const rows = [...text.matchAll(/^\| ([^|]+?) +\| [^|]+ \| (\[.+)\|$/gm)];
  expect(rows).toHaveLength(count);
  for (const [, subject, links = ""] of rows) {
    const tests = [...links.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)];
    expect(tests, subject).not.toEqual([]);
    for (const [, name = "", file = ""] of tests) {
      const source = await readFile(new URL(file, document), "utf8");
      expect(source, `${file}: ${name}`).toContain(name);
    }
  }
});

test("README.md links each of its guarantees to the row of the tests that prove it", async () => {
  const read = (path: string) => readFile(new URL(path, import.meta.url), "utf8");
  const [, guarantees = ""] = /^## Guarantees\n([^]*?)^## /m.exec(await read("../README.md")) ?? [];
  const promises = guarantees.split(/^(?=\d\. )/m).slice(1);
  const rows = [...(await read("README.md")).matchAll(/^\| <a id="promise-(\d)"/gm)];
  expect(promises).toHaveLength(rows.length);
  for (const [index, [, number]] of rows.entries()) {
    expect(promises[index]).toContain(`(test/README.md#promise-${number})`);
  }
});
