import { Buffer } from "node:buffer";
import { writeFile } from "node:fs/promises";
import process from "node:process";
import type { Command } from "commander";
import { ExpectedError } from "../expected-error.ts";
import { addOperationsOptions, type OperationsFlags, withOperations } from "../operations.ts";
import { print } from "../output.ts";
import { visible } from "../../visible.ts";
import { ofEvent } from "./of-event.ts";

interface BodyFlags extends OperationsFlags {
  readonly output?: string;
}

/** `events body`: what was received, byte for byte. */
export function addEventsBody(events: Command): void {
  addOperationsOptions(events.command("body"))
    .description("print an event's body, exactly as it was received")
    .argument("<id>", "its id, as `events list` prints it")
    .option("--output <file>", "write it to this file")
    .action(body);
}

async function body(id: string, { output, ...flags }: BodyFlags): Promise<void> {
  const { json } = flags;
  await withOperations(flags, async (operations) => {
    const bytes = await ofEvent(id, json, operations.eventBody(id));
    const size = bytes.byteLength;
    if (output !== undefined) {
      await write(output, bytes);
      print(json, `${size} bytes in ${visible(output)}`, { id, size, output });
    } else if (json) {
      const text = textOf(bytes);
      const content = text === undefined
        ? { encoding: "base64", body: Buffer.from(bytes).toString("base64") }
        : { encoding: "utf-8", body: text };
      print(json, "", { id, size, ...content });
    } else {
      if (process.stdout.isTTY) refuseControls(bytes);
      process.stdout.write(bytes);
      // What follows on a terminal begins on a line of its own.
      if (process.stdout.isTTY) process.stdout.write("\n");
    }
  });
}

async function write(file: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeFile(file, bytes);
  } catch (cause) {
    const { code } = cause as { code?: string };
    throw new ExpectedError(1, `Cannot write ${visible(file)} (${code}).`, { cause });
  }
}

/** A terminal would act on what a stranger wrote. */
function refuseControls(bytes: Uint8Array): void {
  const text = textOf(bytes);
  if (text !== undefined && !/[^\P{Cc}\t\r\n]|\p{Bidi_Control}/u.test(text)) return;
  throw new ExpectedError(
    1,
    "The body has characters that a terminal may act on: add --output <file>, or pipe it.",
  );
}

/** Bytes that are UTF-8, and can be made again of what they say. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
