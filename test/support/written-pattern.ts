import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { typeOfSchema } from "../../src/cli/types/type-of-schema.ts";

/** Writes into a folder what `imggo-webhooks types` would of a pattern for invoices. */
export async function writePattern(folder: string): Promise<void> {
  const schema = {
    type: "object",
    properties: { number: { type: "string" }, total: { type: "number" } },
    required: ["number", "total"],
    additionalProperties: false,
  };
  const patterns = join(folder, "imggo-patterns");
  await mkdir(patterns);
  await writeFile(join(patterns, "invoice.schema.json"), JSON.stringify(schema));
  await writeFile(join(patterns, "invoice.ts"), typeOfSchema("Invoice", schema));
}
