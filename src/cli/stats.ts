import type { Command } from "commander";
import type { StorageStats } from "../storage/storage.ts";
import { statsJson } from "../stored-json.ts";
import { addConfigOption } from "./config-option.ts";
import { details } from "./details.ts";
import { print } from "./output.ts";
import { withProgress } from "./progress.ts";
import { relativeTime } from "../relative-time.ts";
import { type StorageFlags, withStorage } from "./storage.ts";

/** `stats`: what there is, counted. */
export function addStats(program: Command): Command {
  return addConfigOption(program.command("stats"))
    .description("count events, deliveries and what else the storage holds")
    .action(async (flags: StorageFlags) => {
      await withStorage(flags, async ({ storage }) => {
        const stats = await withProgress(flags.json, "Counting…", storage.stats());
        print(flags.json, describe(stats), statsJson(stats));
      });
    });
}

function describe(
  { events, deliveries, duplicates, oldestDueAt, lastReceivedAt, expectations, rejections }:
    StorageStats,
): string {
  const waiting = oldestDueAt === null ? "" : `; the oldest was due ${relativeTime(oldestDueAt)}`;
  return details([
    ["Events", counts(events)],
    ["Last event", lastReceivedAt === null ? "never" : relativeTime(lastReceivedAt)],
    ["Duplicates", String(duplicates)],
    ["Deliveries", counts(deliveries)],
    ["Backlog", `${deliveries.pending + deliveries.running}${waiting}`],
    ["Expectations", counts(expectations)],
    ["Rejections", String(rejections)],
  ]);
}

function counts(byState: Readonly<Record<string, number>>): string {
  return Object.entries(byState).map(([state, count]) => `${count} ${state}`).join(", ");
}
