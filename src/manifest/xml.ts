import { load } from "./load.ts";
import { malformed } from "./malformed.ts";

/** What XML says. Values stay text: `007` is no number. */
export async function parseXml(text: string): Promise<unknown> {
  const { XMLParser } = await load("XML", "fast-xml-parser", import("fast-xml-parser"));
  // What it declares could make a small text a large one.
  if (/<!DOCTYPE/i.test(text)) throw malformed("XML", "it has a DOCTYPE");
  const parser = new XMLParser({
    ignoreAttributes: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    attributeNamePrefix: "@",
    parseTagValue: false,
    htmlEntities: true,
  });
  try {
    return parser.parse(text, true);
  } catch {
    throw malformed("XML");
  }
}
