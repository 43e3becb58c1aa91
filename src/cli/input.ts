import { readFileSync } from "node:fs";
import { ExpectedError } from "./expected-error.ts";

/** A file's bytes; `-` is standard input. */
export function readInput(file: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(readFileSync(file === "-" ? 0 : file));
  } catch (cause) {
    const { code } = cause as { code?: string };
    const reason = code === "ENOENT" ? "there is no such file" : `it cannot be read (${code})`;
    throw new ExpectedError(1, `Cannot use ${file}: ${reason}.`, { cause });
  }
}
