import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { patternSchema } from "../../src/cli/types/schema-of-example.ts";
import { pascalCase, typeOfSchema } from "../../src/cli/types/type-of-schema.ts";
import { runCli } from "../support/command-line.ts";
import { type ImgGoService, startImgGoService } from "../support/imggo-service.ts";

const typeOf = (schema: Record<string, unknown>) =>
  typeOfSchema("T", schema).replace(/^export type T = |;\n$/g, "");

describe("typeOfSchema()", () => {
  test.each([
    [{ type: "string" }, "string"],
    [{ type: "integer" }, "number"],
    [{ type: ["string", "null"] }, "string | null"],
    [{ type: "number", nullable: true }, "number | null"],
    [{ enum: ["a", 1], nullable: true }, '"a" | 1 | null'],
    [{ enum: [{}] }, "unknown"],
    [{ const: 'it\'s "a"' }, '"it\'s \\"a\\""'],
    [{ type: "array", items: { type: ["string", "null"] } }, "readonly (string | null)[]"],
    [{ type: "array", items: { type: "array", items: {} } }, "readonly (readonly unknown[])[]"],
    [
      { type: "array", prefixItems: [{ type: "null" }], items: { type: "string" } },
      "readonly unknown[]",
    ],
    [{ anyOf: [{ type: "string" }, { type: "array" }] }, "string | readonly unknown[]"],
    [
      { allOf: [{ anyOf: [{ type: "string" }, { type: "null" }] }, { type: "string" }] },
      "(string | null) & string",
    ],
    [{ type: "object" }, "{\n  readonly [name: string]: unknown;\n}"],
    [
      { type: "object", additionalProperties: { type: "number" } },
      "{\n  readonly [name: string]: number;\n}",
    ],
    [{ type: "object", additionalProperties: false }, "Readonly<Record<string, never>>"],
    [{ $ref: "https://example.com/other" }, "unknown"],
    [{ if: {}, then: {} }, "unknown"],
    [{ type: "number", minimum: 1 }, "number"],
  ])("of %j is %s", (schema, type) => {
    expect(typeOf(schema)).toBe(type);
  });

  test("writes properties with what is said of them, and lets nothing end a comment or a name", () => {
    const schema = {
      type: "object",
      properties: {
        "total": { type: "number", description: "In euros */ process.exit();\n * all of it" },
        'odd "name': { type: "string" },
        "lines": {
          type: "array",
          items: { type: "object", properties: { sku: { type: "string" } }, required: ["sku"] },
        },
      },
      required: ["total", "lines"],
    };
    expect(typeOfSchema("Invoice", schema)).toBe(`export type Invoice = {
  /** In euros *\\/ process.exit(); * all of it */
  readonly total: number;
  readonly "odd \\"name"?: string;
  readonly lines: readonly {
    readonly sku: string;
  }[];
};
`);
  });

  test("names definitions, which may need themselves", () => {
    const schema = {
      $defs: { node: { type: "array", items: { $ref: "#/$defs/node" } }, "node ": {} },
      type: "object",
      properties: { tree: { $ref: "#/$defs/node" }, self: { $ref: "#" } },
    };
    expect(typeOfSchema("Menu", schema)).toBe(`export type Menu = {
  readonly tree?: MenuNode;
  readonly self?: Menu;
};

export type MenuNode = readonly MenuNode[];

export type MenuNode2 = unknown;
`);
  });

  test("ends, however deep a schema is", () => {
    let schema: Record<string, unknown> = { type: "string" };
    for (let depth = 0; depth < 1_000; depth++) {
      schema = { type: "object", properties: { deeper: schema } };
    }
    expect(typeOf(schema)).toContain("unknown");
  });
});

test("pascalCase() makes a type's name of any text", () => {
  expect(["invoice-line_2", "2026 menü", "…", "Käse"].map(pascalCase))
    .toEqual(["InvoiceLine2", "Pattern2026Menü", "Pattern", "Käse"]);
});

test("patternSchema() reads an example as ImgGo does", () => {
  const example = { total: 1, lines: [{ sku: "a" }], note: null };
  expect(typeOf(patternSchema(example))).toBe(`{
  readonly total: number;
  readonly lines: readonly {
    readonly sku: string;
  }[];
  readonly note: null;
}`);
  for (const schema of [{ type: "object" }, { total: { type: "number" } }, { $ref: "#" }]) {
    expect(patternSchema(schema)).toBe(schema);
  }
});

describe("types", () => {
  let service: ImgGoService;
  let cwd: string;
  beforeEach(async () => {
    service = await startImgGoService();
    cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  });
  afterEach(async () => {
    await service.close();
    await rm(cwd, { recursive: true });
  });
  const run = (...args: readonly string[]) =>
    runCli(["types", ...args], {
      cwd,
      env: { IMGGO_API_KEY: service.apiKey, IMGGO_BASE_URL: service.baseUrl },
    });
  const json_schema = {
    type: "object",
    properties: { total: { type: "number" } },
    required: ["total"],
  };

  test("writes each pattern's schema and type, again too, and warns of what is no JSON", async () => {
    service.patterns.push(
      { id: "pat_1", name: "Paper Invoice", format: "json", json_schema, instructions: "…" },
      { id: "pat_2", name: "Paper Invoice", format: "csv", json_schema: { total: 1 } },
    );
    for (const _ of [1, 2]) {
      const { code, lines, errors } = await run("pat_1", "pat_2", "pat_1", "--out", "types");
      expect(lines.filter((line) => line.startsWith("pat_"))).toEqual([
        "pat_1  PaperInvoice  types/paper-invoice.schema.json  types/paper-invoice.ts",
        "pat_2  PaperInvoicePat2  types/paper-invoice-pat-2.schema.json  types/paper-invoice-pat-2.ts",
      ]);
      expect(errors).toMatch(/^The results of pat_2 are csv: parseManifest reads them/m);
      expect(code).toBe(0);
    }
    expect((await readdir(join(cwd, "types"))).length).toBe(4);
    const read = (name: string) => readFile(join(cwd, "types", name), "utf8");
    expect(JSON.parse(await read("paper-invoice.schema.json"))).toEqual(json_schema);
    expect(await read("paper-invoice.ts")).toBe(
      "// Written by `imggo-webhooks types` of the pattern pat_1: change it there, not here.\n\n" +
        "export type PaperInvoice = {\n  readonly total: number;\n};\n",
    );
    expect(service.requests.map(({ path }) => path).slice(0, 2))
      .toEqual(["/patterns/pat_1", "/patterns/pat_2"]);
  });

  test("ends with 1 and writes nothing where there is no schema, or another file", async () => {
    service.patterns.push(
      { id: "pat_1", name: "Menu", format: "text", json_schema: null },
      { id: "pat_2", name: "Menu", format: "json", json_schema },
    );
    await writeFile(join(cwd, "menu.ts"), "mine");
    const missing = await run("pat_1");
    expect(missing).toMatchObject({
      code: 1,
      output: "The pattern pat_1 has no schema: give it one at ImgGo, and run this again.\n",
    });
    const other = await run("pat_2", "--out", ".", "--json");
    expect(other.code).toBe(1);
    expect(JSON.parse(other.lines.at(-1) ?? "").error).toContain("menu.ts was not written by this");
    expect(await readdir(cwd)).toEqual(["menu.ts"]);
  });
});
