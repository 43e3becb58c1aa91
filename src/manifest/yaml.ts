import { load } from "./load.ts";
import { malformed } from "./malformed.ts";

/** What YAML says: one document of version 1.2. */
export async function parseYaml(text: string): Promise<unknown> {
  const { parse } = await load("YAML", "yaml", import("yaml"));
  try {
    // Warnings would be printed.
    return parse(text, { logLevel: "error" });
  } catch (error) {
    const { code, linePos } = Object(error) as {
      readonly code?: string;
      readonly linePos?: readonly { readonly line: number }[];
    };
    const line = linePos?.[0]?.line;
    throw malformed("YAML", line === undefined ? undefined : `${code}, line ${line}`);
  }
}
