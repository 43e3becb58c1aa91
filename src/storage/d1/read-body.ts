import { type BodyRow, fromText, type TextRow } from "./body.ts";
import type { D1Session } from "./session.ts";

/** Reads a body by two statements that take an id: as text, and where that will not do, as bytes. */
export async function readBody(
  { bind, run }: D1Session,
  asText: string,
  asBytes: string,
  id: string,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const [[text] = []] = await run([bind(asText, id)]) as TextRow[][];
  if (text === undefined) return undefined;
  const body = fromText(text);
  if (body !== undefined) return body;
  const [[row] = []] = await run([bind(asBytes, id)]) as BodyRow[][];
  return row && Uint8Array.from(row.body);
}
