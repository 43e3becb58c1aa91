import process from "node:process";
import type { Command } from "commander";
import type { ReverifyResult } from "../reverify.ts";
import { readSettings } from "../settings.ts";
import type { Rejection } from "../storage/rejections.ts";
import { rejectionJson } from "../stored-json.ts";
import { addConfigOption } from "./config-option.ts";
import { withDevSecret } from "./dev-session.ts";
import { interruptible, untilAborted } from "./interrupt.ts";
import { addPageOptions, listPages, type PageFlags, printPart } from "./list-pages.ts";
import { print, warn } from "./output.ts";
import { createProgress } from "./progress.ts";
import { quietReceiver } from "./receiver.ts";
import { relativeTime } from "../relative-time.ts";
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
  addConfigOption(command.command("reverify"))
    .description("check them again with the secrets of now, and take those that pass")
    .action(reverify);
  return command;
}

async function list(flags: ListFlags): Promise<void> {
  await withStorage(flags, async ({ storage }) => {
    const part = await listPages(flags, async (query) => {
      const page = await storage.rejections.list(query);
      return { items: page.rejections, nextCursor: page.nextCursor };
    });
    const none = "Nothing was refused for its signature.";
    printPart(flags, part, { toJson: rejectionJson, columns, row, none });
  });
}

async function reverify(flags: StorageFlags): Promise<void> {
  const { json } = flags;
  await withStorage(flags, async (open) => {
    const { secrets } = readSettings(process.env, withDevSecret(open.config));
    const receiver = quietReceiver(open, { secrets });
    const progress = createProgress(json);
    let soFar: ReverifyResult = { checked: 0, accepted: 0, duplicates: 0, left: 0 };
    const isWhole = await interruptible(async (signal) => {
      const onProgress = (result: ReverifyResult) => {
        soFar = result;
        progress(`${result.checked} checked, ${result.accepted} accepted`);
      };
      return await untilAborted(signal, receiver.reverify({ signal, onProgress }));
    }).finally(() => progress.end());
    const { checked, accepted, duplicates, left } = soFar;
    const text = `${checked} checked: ${accepted} accepted, ${duplicates} duplicates, ${left} ` +
      "still not signed by a secret of now";
    print(json, text, soFar);
    if (isWhole) return;
    process.exitCode = 1;
    warn(json, "Stopped: those that were not checked are kept as before.");
  });
}

function row({ id, receivedAt, size, signature }: Rejection): string[] {
  return [id, relativeTime(receivedAt), String(size), signature];
}
