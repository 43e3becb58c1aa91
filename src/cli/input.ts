import { readFile } from "node:fs/promises";
import process from "node:process";
import { buffer } from "node:stream/consumers";
import { ExpectedError } from "./expected-error.ts";

/** A file's bytes; `-` is standard input. */
export async function readInput(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(file === "-" ? await buffer(process.stdin) : await readFile(file));
  } catch (cause) {
    const { code } = cause as { code?: string };
    const reason = code === "ENOENT" ? "there is no such file" : `it cannot be read (${code})`;
    throw new ExpectedError(1, `Cannot use ${file}: ${reason}.`, { cause });
  }
}
