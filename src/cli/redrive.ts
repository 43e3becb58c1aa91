import process from "node:process";
import type { Command } from "commander";
import type { DeadFilter, Storage } from "../storage/storage.ts";
import { addConfigOption } from "./config-option.ts";
import { interruptible } from "./interrupt.ts";
import { print, warn } from "./output.ts";
import { createProgress, withProgress } from "./progress.ts";
import { type StorageFlags, withStorage } from "./storage.ts";
import { moment } from "./time-value.ts";

interface RedriveFlags extends StorageFlags {
  readonly processor?: string;
  readonly event?: string;
  readonly pattern?: string;
  readonly deadAfter?: number;
  readonly deadBefore?: number;
  readonly dryRun?: true;
}

const batchSize = 500;

/** `redrive`: runs the dead again. */
export function addRedrive(program: Command): Command {
  return addConfigOption(program.command("redrive"))
    .description("let dead deliveries run again, once what made them fail is mended")
    .option("--processor <name>", "those of this processor")
    .option("--event <name>", "those of events of this name, such as job.succeeded")
    .option("--pattern <id>", "those of events of this pattern")
    .option("--since, --dead-after <when>", "given up then or later: 24h, 2026-01-31", moment)
    .option("--before, --dead-before <when>", "given up before then", moment)
    .option("--dry-run", "just count them")
    .action(redrive);
}

async function redrive(flags: RedriveFlags): Promise<void> {
  const { json, processor, event, pattern, deadAfter, deadBefore, dryRun } = flags;
  const filter: DeadFilter = {
    ...(processor !== undefined && { processor }),
    ...(event !== undefined && { event }),
    ...(pattern !== undefined && { patternId: pattern }),
    ...(deadAfter !== undefined && { deadAfter }),
    ...(deadBefore !== undefined && { deadBefore }),
  };
  await withStorage(flags, async ({ storage }) => {
    const total = await withProgress(json, "Counting…", storage.countDead(filter));
    if (dryRun) {
      return print(json, `${counted(total)} would run again.`, { count: total, dry_run: true });
    }
    const { count, stopped } = await inBatches(storage, filter, total, json);
    print(json, `${counted(count)} will run again.`, { count, dry_run: false });
    if (stopped) {
      process.exitCode = 1;
      return warn(json, `Stopped at ${count} of ${total}: the others are dead as before.`);
    }
    const left = await storage.countDead(filter);
    if (left === 0) return;
    warn(
      json,
      `${counted(left)} died meanwhile: \`events list --delivery-state dead\` prints them.`,
    );
  });
}

/**
 * Redrives so many and no more: those that a running server gives up again at once must not be
 * driven round for ever.
 */
async function inBatches(
  storage: Storage,
  filter: DeadFilter,
  total: number,
  json: true | undefined,
): Promise<{ count: number; stopped: boolean }> {
  const progress = createProgress(json);
  return await interruptible(async (signal) => {
    let count = 0;
    try {
      while (count < total && !signal.aborted) {
        const limit = Math.min(batchSize, total - count);
        const some = await storage.redrive({ ...filter, limit });
        if (some === 0) break;
        count += some;
        progress(`${count} of ${total}`);
      }
    } finally {
      progress.end();
    }
    return { count, stopped: signal.aborted && count < total };
  });
}

function counted(count: number): string {
  return count === 1 ? "1 dead delivery" : `${count} dead deliveries`;
}
