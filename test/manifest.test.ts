import { parseEvent } from "imggo-webhooks";
import { manifestText, parseManifest } from "imggo-webhooks/manifest";
import { describe, expect, test } from "vitest";
import { load } from "../src/manifest/load.ts";
import { canonical } from "./support/processor-input.ts";
import { nested, sampleJob, toBytes } from "./support/wire.ts";

const canary = "canary of the payload";

/** A small text in YAML that would become a large value. */
const bomb = [..."bcdefghij"].map((name, index) => {
  const previous = "abcdefghij"[index];
  return `${name}: &${name} [${Array(9).fill(`*${previous}`).join(", ")}]`;
}).join("\n");

const succeeded = (result: unknown) => canonical(nested.succeeded({ ...sampleJob, result }));

const failed = parseEvent(toBytes(nested.failed(sampleJob)));

describe("manifestText()", () => {
  test.each([
    [{ _raw: "a: 1\n", _format: "yaml" }, "a: 1\n"],
    [{ _raw: "", _format: "text" }, ""],
    [{ text: "# Title" }, "# Title"],
    ["# Title", "# Title"],
    [{ text: "one", more: "two" }, undefined],
    [{ _raw: 1 }, undefined],
    [{ rows: [] }, undefined],
    [["a"], undefined],
    [null, undefined],
  ])("of %j is %j", (result, text) => {
    expect(manifestText(succeeded(result))).toBe(text);
  });

  test("of a failure is undefined", () => {
    if (failed.state !== "accepted") throw new Error("expected an event");
    expect(manifestText(failed.event)).toBeUndefined();
  });
});

async function parsed(format: unknown, text: unknown): Promise<unknown> {
  const event = await parseManifest(succeeded({ _raw: text, _format: format }));
  return event.event === "job.succeeded" ? event.data.result : undefined;
}

describe("parseManifest()", () => {
  const readable = [
    ["yaml", "total: 12.5\nlines:\n  - text: Käse\n    price: null\nday: 2026-01-15\n", {
      total: 12.5,
      lines: [{ text: "Käse", price: null }],
      day: "2026-01-15",
    }],
    ["YML", "- a\n- b", ["a", "b"]],
    ["yaml", "a: !!js/function x", { a: "x" }],
    ["xml", '<?xml version="1.0"?>\n<m><id x="1">007</id><l>A &amp; B</l><l>&#228;</l><e/></m>', {
      m: { id: { "#text": "007", "@x": "1" }, l: ["A & B", "ä"], e: "" },
    }],
    ["csv", '\ufeffname,amount\r\n"Käse, alt","1"""\r\n\r\nBrot,2\r\n', {
      rows: [{ name: "Käse, alt", amount: '1"' }, { name: "Brot", amount: "2" }],
    }],
    ["csv", "name;amount\nKäse;1,5\nBrot", {
      rows: [{ name: "Käse", amount: "1,5" }, { name: "Brot", amount: "" }],
    }],
    ["csv", "", { rows: [] }],
    ["csv", "only\n1\n", { rows: [{ only: "1" }] }],
    ["json", '{"a":[1]}', { a: [1] }],
    ["text", "# Title", "# Title"],
    [undefined, "toString", "toString"],
    ["constructor", "any", "any"],
  ] as const;
  test.each(readable)("reads %s: %j", async (format, text, expected) => {
    expect(await parsed(format, text)).toEqual(expected);
  });

  const unreadable = [
    ["yaml", `a: 1\na: ${canary}`, "YAML (DUPLICATE_KEY, line 2)"],
    ["yaml", `a: &a [${canary}]\n${bomb}`, "YAML"],
    ["xml", `<a>${canary}</b>`, "XML"],
    ["xml", canary, "XML"],
    ["xml", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "XML (it has a DOCTYPE)"],
    ["csv", `a,b\n"${canary}`, "CSV (a quotation mark is not closed)"],
    ["csv", `${canary}, ${canary}\n1,2`, "CSV (two columns have one name)"],
    ["csv", `a,b\n1,2\n1,2,${canary}`, "CSV (row 2 has more cells than there are columns)"],
    ["json", `{"${canary}"`, "JSON"],
  ] as const;
  test.each(unreadable)("gives up at once on %s %#, and repeats nothing", async (...each) => {
    const [format, text, what] = each;
    const error = await parsed(format, text).catch((error) => error);
    expect(error).toMatchObject({
      name: "PermanentError",
      message: `The result is not well-formed ${what}.`,
    });
    expect(error).not.toHaveProperty("cause");
  });

  test("hands back what is no text as it is", async () => {
    for (const result of [{ total: 1 }, { rows: [] }, "text", null, [1], { _raw: 1 }]) {
      const event = succeeded(result);
      expect(await parseManifest(event)).toBe(event);
    }
    if (failed.state !== "accepted") throw new Error("expected an event");
    expect(await parseManifest(failed.event)).toBe(failed.event);
  });

  test("leaves the rest of the event as it is", async () => {
    const event = succeeded({ _raw: "a: 1", _format: "yaml" });
    expect(await parseManifest(event)).toEqual({
      ...event,
      data: { ...event.data, result: { a: 1 } },
    });
  });

  test("says which package to install where it is missing, and is tried again", async () => {
    const missing: string = "imggo-webhooks-has-no-such-package";
    const error = await load("YAML", "yaml", import(missing)).catch((error) => error);
    expect(error).toMatchObject({
      name: "Error",
      message: "The result is YAML: expected the package yaml. Install it: npm install yaml",
    });
  });
});
