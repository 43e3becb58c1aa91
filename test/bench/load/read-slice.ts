import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Slice } from "../events.ts";

/** A prepared event. */
export interface SignedBody {
  /** The hex of its signature. */
  readonly signature: string;
  readonly body: string;
}

/** Reads prepared events. */
export async function readSlice({ file, skip, count }: Slice): Promise<SignedBody[]> {
  const found: SignedBody[] = [];
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (number++ < skip) continue;
    if (found.length === count) break;
    found.push({ signature: line.slice(0, 64), body: line.slice(65) });
  }
  return found;
}
