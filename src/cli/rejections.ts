import type { Command } from "commander";
import type { Rejection } from "../storage/rejections.ts";
import { rejectionJson } from "../stored-json.ts";
import { addConfigOption } from "./config-option.ts";
import { addPageOptions, listPages, type PageFlags, printPart } from "./list-pages.ts";
import { relativeTime } from "./relative-time.ts";
import { type StorageFlags, withStorage } from "./storage.ts";
import type { Column } from "./table.ts";

interface ListFlags extends StorageFlags, PageFlags {
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
  addPageOptions(addConfigOption(command.command("list")))
    .description("list what was refused for its signature, the first first")
    .action(list);
  return command;
}

async function list(flags: ListFlags): Promise<void> {
  await withStorage(flags, async ({ storage }) => {
    const part = await listPages(flags, async (query) => {
      const page = await storage.rejections.list(query);
      return { items: page.rejections, nextCursor: page.nextCursor };
    });
    const none = "Nothing was refused for its signature.";
    printPart(flags.json, part, { toJson: rejectionJson, columns, row, none });
  });
}

function row({ id, receivedAt, size, signature }: Rejection): string[] {
  return [id, relativeTime(receivedAt), String(size), signature];
}
