import process from "node:process";
import type { Command } from "commander";
import type { RejectionJson, ReverifyJson } from "../operations/answers.ts";
import type { Operations } from "../operations/operations.ts";
import { interruptible } from "./interrupt.ts";
import { addPageOptions, listPages, type PageFlags, printPart } from "./list-pages.ts";
import { addOperationsOptions, type OperationsFlags, withOperations } from "./operations.ts";
import { print, warn } from "./output.ts";
import { createProgress } from "./progress.ts";
import { relativeTime } from "../relative-time.ts";
import type { Column } from "./table.ts";

interface ListFlags extends OperationsFlags, PageFlags {
  readonly json?: true;
}

const columns: readonly Column[] = [
  { title: "ID", isWhole: true },
  { title: "RECEIVED" },
  { title: "BYTES" },
  { title: "SIGNATURE" },
];

/** `rejections`: what was refused for its signature. */
export function addRejections(program: Command): Command {
  const command = program
    .command("rejections")
    .description("list what was refused for its signature, and check it again");
  addPageOptions(addOperationsOptions(command.command("list")))
    .description("list what was refused for its signature, the first first")
    .action(list);
  addOperationsOptions(command.command("reverify"))
    .description("check them again with the secrets of now, and take those that pass")
    .action(reverify);
  return command;
}

async function list(flags: ListFlags): Promise<void> {
  await withOperations(flags, async (operations) => {
    const part = await listPages(flags, (position) => operations.listRejections(position));
    const none = "Nothing was refused for its signature.";
    printPart(flags, part, { columns, row, none });
  });
}

async function reverify(flags: OperationsFlags): Promise<void> {
  const { json } = flags;
  await withOperations(flags, async (operations) => {
    const { next_cursor: _, ...result } = await inParts(operations, json);
    const { checked, accepted, duplicates, left } = result;
    const text = `${checked} checked: ${accepted} accepted, ${duplicates} duplicates, ${left} ` +
      "still not signed by a secret of now";
    print(json, text, result);
    if (result.complete) return;
    process.exitCode = 1;
    warn(json, "Stopped: those that were not checked are kept as before.");
  }, { secrets: true });
}

/** Goes through all of them, in as many calls as it takes. */
async function inParts(operations: Operations, json: true | undefined): Promise<ReverifyJson> {
  const progress = createProgress(json);
  return await interruptible(async (signal) => {
    let soFar: ReverifyJson = {
      checked: 0,
      accepted: 0,
      duplicates: 0,
      left: 0,
      complete: false,
      next_cursor: null,
    };
    try {
      while (!soFar.complete && !signal.aborted) {
        const { next_cursor: cursor } = soFar;
        const some = await operations.reverify({ ...(cursor !== null && { cursor }) });
        soFar = {
          ...some,
          checked: soFar.checked + some.checked,
          accepted: soFar.accepted + some.accepted,
          duplicates: soFar.duplicates + some.duplicates,
          left: soFar.left + some.left,
        };
        progress(`${soFar.checked} checked, ${soFar.accepted} accepted`);
      }
    } finally {
      progress.end();
    }
    return soFar;
  });
}

function row({ id, received_at, size, signature }: RejectionJson): string[] {
  return [id, relativeTime(received_at), String(size), signature];
}
