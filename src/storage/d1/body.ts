import { StorageError } from "../storage.ts";
import type { D1Value } from "./database.ts";

// A row of D1 holds 2,000,000 bytes; the rest is for what is stored beside the body.
// https://developers.cloudflare.com/d1/platform/limits/
/** The largest body that is stored, in bytes. */
export const maxD1BodyBytes = 1_980_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A copy of a body, to be bound where the statement says `CAST(? AS BLOB)`. D1 takes bytes as a JSON
 * list of numbers; text costs a tenth of that, and nearly every body is some.
 *
 * @throws {StorageError} `full`, when it is larger than a row.
 */
export function toParameter(body: Uint8Array<ArrayBuffer>): D1Value {
  if (body.byteLength > maxD1BodyBytes) {
    throw new StorageError(
      "full",
      `A row of D1 holds no body of ${body.byteLength} bytes: expected ${maxD1BodyBytes} at the ` +
        "most. Set MAX_BODY_BYTES to that.",
    );
  }
  try {
    return decoder.decode(body);
  } catch {
    return body.slice();
  }
}

/** The columns of a body, as {@linkcode fromText} reads it. */
export const bodyColumns = "CAST(body AS TEXT) AS text, length(body) AS size";

/** What {@linkcode bodyColumns} gives. */
export interface TextRow {
  readonly text: string;
  readonly size: number;
}

/** The bytes of a body that was read as text; undefined where they cannot be told from it. */
export function fromText({ text, size }: TextRow): Uint8Array<ArrayBuffer> | undefined {
  // What is not UTF-8 is read as this character.
  if (text.includes("\ufffd")) return undefined;
  const body = encoder.encode(text);
  return body.byteLength === size ? body : undefined;
}

/** A body as D1 gives bytes. */
export interface BodyRow {
  readonly body: readonly number[];
}
