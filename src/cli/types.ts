import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import type { Pattern } from "../imggo.ts";
import { visible } from "../visible.ts";
import { addConfigOption } from "./config-option.ts";
import { ExpectedError } from "./expected-error.ts";
import { openImgGo } from "./imggo.ts";
import { print, warn } from "./output.ts";
import { withProgress } from "./progress.ts";
import { patternSchema } from "./types/schema-of-example.ts";
import { pascalCase, typeOfSchema } from "./types/type-of-schema.ts";

interface TypesFlags {
  readonly out: string;
  readonly config?: string;
  readonly json?: true;
}

// What tells a file of this verb from one of somebody's own.
const mark = "// Written by `imggo-webhooks types`";

/** `types`: the schema of a pattern's results, and their type in TypeScript. */
export function addTypes(program: Command): Command {
  return addConfigOption(program.command("types"))
    .description("write the JSON Schema and the TypeScript type of patterns' results")
    .argument("<pattern...>", "the ids of patterns of the account of IMGGO_API_KEY")
    .option("--out <folder>", "where to; made where it is missing", "imggo-patterns")
    .action(types);
}

async function types(ids: readonly string[], { out, config, json }: TypesFlags): Promise<void> {
  const { patterns } = await openImgGo(config);
  const written = new Set<string>();
  for (const id of new Set(ids)) {
    const pattern = await withProgress(json, "Waiting for ImgGo…", patterns.get(id))
      .catch((error) => {
        throw error instanceof TypeError ? new ExpectedError(2, error.message) : error;
      });
    if (pattern.schema === undefined) {
      throw new ExpectedError(
        1,
        `The pattern ${visible(id)} has no schema: give it one at ImgGo, and run this again.`,
      );
    }
    // Patterns of one name are told apart by their ids.
    const known = fileName(pattern.name);
    const name = known === "" || written.has(known) ? fileName(`${known}-${id}`) : known;
    written.add(name);
    const files = await write(out, name, pattern, patternSchema(pattern.schema));
    const type = pascalCase(name);
    print(json, `${visible(id)}  ${type}  ${files.join("  ")}`, { id, type, files });
    if (pattern.format !== "json") {
      warn(
        json,
        `The results of ${visible(id)} are ${visible(pattern.format)}: parseManifest reads them, ` +
          "and of CSV and XML every value is text, whatever the schema says.",
      );
    }
  }
}

function fileName(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 80);
}

async function write(
  folder: string,
  name: string,
  { id }: Pattern,
  schema: Readonly<Record<string, unknown>>,
): Promise<string[]> {
  const typeFile = join(folder, `${name}.ts`);
  const schemaFile = join(folder, `${name}.schema.json`);
  try {
    await mkdir(folder, { recursive: true });
    const before = await readFile(typeFile, "utf8").catch((error: { code?: string }) => {
      if (error.code === "ENOENT") return mark;
      throw error;
    });
    if (!before.startsWith(mark)) {
      throw new ExpectedError(
        1,
        `${typeFile} was not written by this command: move it, or name another folder (--out).`,
      );
    }
    const head = `${mark} of the pattern ${visible(id)}: change it there, not here.\n\n`;
    await writeFile(schemaFile, `${JSON.stringify(schema, null, 2)}\n`);
    await writeFile(typeFile, `${head}${typeOfSchema(pascalCase(name), schema)}`);
  } catch (cause) {
    if (cause instanceof ExpectedError) throw cause;
    const { code } = cause as { code?: string };
    throw new ExpectedError(1, `Cannot write ${typeFile} (${code}).`, { cause });
  }
  return [schemaFile, typeFile];
}
