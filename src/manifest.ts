/**
 * Results that are text: of patterns whose format is not JSON. {@linkcode manifestText} gives the
 * text, {@linkcode parseManifest} what it says, by the package for its format.
 *
 * @example
 * ```ts
 * import { handlers, map } from "imggo-webhooks";
 * import { parseManifest } from "imggo-webhooks/manifest";
 *
 * const menus = map(
 *   parseManifest,
 *   handlers({ "job.succeeded": (event) => console.log(event.data.result) }),
 * );
 * ```
 *
 * @module
 */
import type { WebhookEvent } from "./event.ts";
import { isRecord } from "./job-fields.ts";
import { parseCsv } from "./manifest/csv.ts";
import { parseXml } from "./manifest/xml.ts";
import { parseYaml } from "./manifest/yaml.ts";
import { parseJsonText } from "./manifest/json.ts";

/**
 * The text of a result, as the pattern wrote it: of a pattern in YAML, XML, CSV or plain text.
 *
 * @returns Undefined where the result is none: of a pattern in JSON, for instance, or of a failure.
 */
export function manifestText(event: WebhookEvent): string | undefined {
  if (event.event !== "job.succeeded") return undefined;
  const { result } = event.data;
  if (typeof result === "string") return result;
  if (!isRecord(result)) return undefined;
  // Plain text comes in this form too.
  const isPlain = Object.keys(result).length === 1 && typeof result["text"] === "string";
  const text = isPlain ? result["text"] : result["_raw"];
  return typeof text === "string" ? text : undefined;
}

const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  csv: parseCsv,
  json: parseJsonText,
  xml: parseXml,
  yaml: parseYaml,
  yml: parseYaml,
};

/**
 * The event with what its text says for a result, by the `_format` that came with it:
 *
 * - `yaml`, by the package `yaml`: any value.
 * - `csv`, by `papaparse`: `{ rows: [{ … }] }`, an object for each row, by the names in the first one;
 *   all values are text. ImgGo itself sends rows in this form, too.
 * - `xml`, by `fast-xml-parser`: an object with the root element's name. Attributes begin with `@`, an
 *   element that occurs several times is a list, all values are text.
 * - `json`: any value. Other formats: the text itself.
 *
 * An event whose result is no `_raw` text is handed back as it is. Give it to `map`.
 *
 * @throws {PermanentError} when the text is not well-formed, without a word of it.
 * @throws {Error} when the package that it takes is not installed.
 */
export async function parseManifest(event: WebhookEvent): Promise<WebhookEvent> {
  if (event.event !== "job.succeeded" || !isRecord(event.data.result)) return event;
  const { _raw: text, _format: format } = event.data.result;
  if (typeof text !== "string") return event;
  const name = String(format).toLowerCase();
  const result = Object.hasOwn(parsers, name) ? await parsers[name]?.(text) : text;
  return { ...event, data: { ...event.data, result } };
}
