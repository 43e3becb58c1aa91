import process from "node:process";
import type { Command } from "commander";
import type { ReconciledJob, ReconcileOutcome } from "../reconcile/options.ts";
import { addConfigOption } from "./config-option.ts";
import { ExpectedError } from "./expected-error.ts";
import { imgGoOf } from "./imggo.ts";
import { interruptible, untilAborted } from "./interrupt.ts";
import { type Color, colored, print, warn } from "./output.ts";
import { createProgress, withProgress } from "./progress.ts";
import { quietReceiver } from "./receiver.ts";
import { type StorageFlags, withStorage } from "./storage.ts";
import { moment } from "./time-value.ts";
import { visible } from "../visible.ts";

interface ReconcileFlags extends StorageFlags {
  readonly job?: readonly string[];
  readonly since?: number;
  readonly dryRun?: boolean;
}

const colors: Readonly<Record<ReconcileOutcome, Color>> = {
  known: "dim",
  stored: "green",
  duplicate: "dim",
  running: "dim",
  unknown: "red",
  failed: "red",
};

/** `reconcile`: asks ImgGo for what never came. */
export function addReconcile(program: Command): Command {
  return addConfigOption(program.command("reconcile"))
    .description("ask ImgGo for the ends of jobs that did not come (default: of those overdue)")
    .option("--job <ids...>", "of these jobs")
    .option("--since <when>", "of all jobs since then: 24h, 2026-01-31", moment)
    .option("--dry-run", "say what would be stored, and store nothing")
    .action(reconcile);
}

async function reconcile(
  { job: jobIds, since, dryRun = false, ...flags }: ReconcileFlags,
): Promise<void> {
  const { json } = flags;
  await withStorage(flags, async (open) => {
    const receiver = quietReceiver(open, { imggo: imgGoOf(open.config) });
    const counts = { known: 0, stored: 0, duplicate: 0, running: 0, unknown: 0, failed: 0 };
    const progress = createProgress(json);
    const onProgress = (job: ReconciledJob) => {
      counts[job.outcome]++;
      progress.end();
      print(json, line(job, dryRun), toJson(job));
      progress(`${sum(counts)} looked at`);
    };
    const options = {
      dryRun,
      onProgress,
      ...(jobIds !== undefined && { jobIds }),
      ...(since !== undefined && { since }),
    };
    let unreadable = 0;
    const isWhole = await interruptible(async (signal) => {
      const asking = receiver.reconcile({ ...options, signal })
        .then((result) => void (unreadable = result.unreadable));
      const work = untilAborted(signal, asking);
      return await withProgress(json, "Waiting for ImgGo…", work);
    }).catch((error: unknown) => {
      if (!(error instanceof TypeError)) throw error;
      throw new ExpectedError(2, error.message, { cause: error });
    }).finally(() => progress.end());
    if (!json) process.stdout.write(`${colored("bold", sumUp(counts, dryRun))}\n`);
    if (!isWhole) {
      warn(json, "Stopped: what was stored is stored, and the rest can be asked for again.");
    }
    if (unreadable > 0) {
      const many = unreadable === 1 ? "1 job" : `${unreadable} jobs`;
      warn(json, `${many} of ImgGo's list cannot be read, and may have ended: --job asks for one.`);
    }
    if (!isWhole || unreadable + counts.failed + counts.unknown > 0) process.exitCode = 1;
  });
}

function line({ jobId, outcome, eventId, error }: ReconciledJob, dryRun: boolean): string {
  const label = dryRun && outcome === "stored" ? "to be stored" : outcome;
  return [colored(colors[outcome], label), jobId, eventId ?? [], error ?? []]
    .flat()
    .map((part, index) => index === 0 ? part : visible(part))
    .join("  ");
}

function toJson({ jobId, outcome, asked, eventId, error }: ReconciledJob): object {
  return { job_id: jobId, outcome, asked, event_id: eventId ?? null, error: error ?? null };
}

function sumUp(counts: Readonly<Record<ReconcileOutcome, number>>, dryRun: boolean): string {
  const parts = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([outcome, count]) => {
      return `${count} ${dryRun && outcome === "stored" ? "to be stored" : outcome}`;
    });
  return parts.length > 0 ? parts.join(", ") : "No job is to be asked for.";
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
