import type { Command } from "commander";
import type { StatsJson } from "../operations/answers.ts";
import { details } from "./details.ts";
import { addOperationsOptions, type OperationsFlags, withOperations } from "./operations.ts";
import { print } from "./output.ts";
import { withProgress } from "./progress.ts";
import { relativeTime } from "../relative-time.ts";

/** `stats`: what there is, counted. */
export function addStats(program: Command): Command {
  return addOperationsOptions(program.command("stats"))
    .description("count events, deliveries and what else the storage holds")
    .action(async (flags: OperationsFlags) => {
      await withOperations(flags, async (operations) => {
        const stats = await withProgress(flags.json, "Counting…", operations.stats());
        print(flags.json, describe(stats), stats);
      });
    });
}

function describe(stats: StatsJson): string {
  const { oldest_due_at: dueAt, last_received_at: receivedAt, rates } = stats;
  const waiting = dueAt === null ? "" : `; the oldest was due ${relativeTime(dueAt)}`;
  return details([
    ["Events", counts(stats.events)],
    ["Last event", receivedAt === null ? "never" : relativeTime(receivedAt)],
    ["Last hour", counts(rates.last_hour)],
    ["Last day", counts(rates.last_day)],
    ["Duplicates", String(stats.duplicates)],
    ["Deliveries", counts(stats.deliveries)],
    ["Backlog", `${stats.backlog}${waiting}`],
    ["Spooled", String(stats.spooled)],
    ["Expectations", counts(stats.expectations)],
    ["Rejections", String(stats.rejections)],
  ]);
}

function counts(byName: object): string {
  return Object.entries(byName).map(([name, count]) => `${count} ${name}`).join(", ");
}
