import process from "node:process";
import type { Command } from "commander";
import type { Operations } from "../operations/operations.ts";
import type { RedriveRequest } from "../operations/requests.ts";
import { interruptible } from "./interrupt.ts";
import {
  addOperationsOptions,
  type OperationsFlags,
  requestFor,
  withOperations,
} from "./operations.ts";
import { print, warn } from "./output.ts";
import { createProgress, withProgress } from "./progress.ts";
import { isoTime, moment } from "./time-value.ts";

interface RedriveFlags extends OperationsFlags {
  readonly processor?: string;
  readonly event?: string;
  readonly pattern?: string;
  readonly deadAfter?: number;
  readonly deadBefore?: number;
  readonly dryRun?: true;
}

// Of a call, of which each counts them first; how far it comes is said after each.
const mostAtOnce = 5_000;

/** `redrive`: runs the dead again. */
export function addRedrive(program: Command): Command {
  return addOperationsOptions(program.command("redrive"))
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
  const request = requestFor("redrive", {
    processor,
    event,
    pattern_id: pattern,
    dead_after: isoTime(deadAfter),
    dead_before: isoTime(deadBefore),
  });
  await withOperations(flags, async (operations) => {
    const count = () => operations.redrive({ ...request, dry_run: true });
    const total = await withProgress(json, "Counting…", count());
    if (dryRun) return print(json, `${counted(total.count)} would run again.`, total);
    const done = await inParts(operations, request, total.count, json);
    const remaining = done.stopped ? total.count - done.count : (await count()).remaining;
    const result = { count: done.count, dry_run: false, remaining };
    print(json, `${counted(done.count)} will run again.`, result);
    if (done.stopped) {
      process.exitCode = 1;
      return warn(
        json,
        `Stopped at ${done.count} of ${total.count}: the others are dead as before.`,
      );
    }
    if (remaining === 0) return;
    warn(
      json,
      `${counted(remaining)} died meanwhile: \`events list --delivery-state dead\` prints them.`,
    );
  });
}

/**
 * Redrives so many and no more: those that a running server gives up again at once must not be
 * driven round for ever.
 */
async function inParts(
  operations: Operations,
  request: RedriveRequest,
  total: number,
  json: true | undefined,
): Promise<{ count: number; stopped: boolean }> {
  const progress = createProgress(json);
  return await interruptible(async (signal) => {
    let count = 0;
    try {
      while (count < total && !signal.aborted) {
        const limit = Math.min(mostAtOnce, total - count);
        const some = await operations.redrive({ ...request, limit });
        if (some.count === 0) break;
        count += some.count;
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
