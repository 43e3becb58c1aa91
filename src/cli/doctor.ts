import process from "node:process";
import { type Command, InvalidArgumentError } from "commander";
import { describeError } from "../describe-error.ts";
import { addConfigOption } from "./config-option.ts";
import type { Check, Finding } from "./doctor/check.ts";
import { clockCheck } from "./doctor/clock.ts";
import { backlogCheck, deadCheck, expectationsCheck, rejectionsCheck } from "./doctor/contents.ts";
import { publicUrlCheck } from "./doctor/public-url.ts";
import { registrationCheck } from "./doctor/registration.ts";
import { roundTripCheck } from "./doctor/round-trip.ts";
import { secretCheck, settingsCheck } from "./doctor/settings.ts";
import { attempt, gatherSituation } from "./doctor/situation.ts";
import { diskCheck, spoolCheck, sqliteCheck, storageCheck } from "./doctor/storage.ts";
import { type Color, colored, print } from "./output.ts";
import { withProgress } from "./progress.ts";
import { visible } from "../visible.ts";

interface DoctorFlags {
  readonly url?: URL;
  readonly config?: string;
  readonly json?: true;
}

const checks: readonly Check[] = [
  settingsCheck,
  secretCheck,
  storageCheck,
  diskCheck,
  sqliteCheck,
  spoolCheck,
  clockCheck,
  backlogCheck,
  deadCheck,
  expectationsCheck,
  rejectionsCheck,
  registrationCheck,
  publicUrlCheck,
  roundTripCheck,
];

const colors: Readonly<Record<Finding["status"], Color>> = {
  ok: "green",
  warning: "yellow",
  failed: "red",
  skipped: "dim",
};

const nameWidth = Math.max(...checks.map(({ name }) => name.length));
const statusWidth = Math.max(...Object.keys(colors).map((status) => status.length));

/** `doctor`: what is wrong, and what to do about it. */
export function addDoctor(program: Command): Command {
  return addConfigOption(program.command("doctor"))
    .description("check the settings, the storage, the registration and the way to here")
    .option("--url <url>", "where the webhook is reached from outside", publicUrl)
    .action(doctor);
}

async function doctor({ url, config, json }: DoctorFlags): Promise<void> {
  const situation = await withProgress(json, "Looking…", gatherSituation(config, url));
  const counts = { ok: 0, warning: 0, failed: 0, skipped: 0 };
  for (const check of checks) {
    const finding = await withProgress(json, `Checking: ${check.name}…`, run(check));
    counts[finding.status]++;
    const { status, message, advice = null, fields } = finding;
    print(json, line(check, finding), { check: check.name, status, message, advice, ...fields });
  }
  await situation.storage?.close().catch(() => {});
  if (!json) {
    const { failed, warning, skipped } = counts;
    const sum = `${failed} failed, ${warning} to be looked at, ${skipped} skipped`;
    process.stdout.write(`\n${colored("bold", sum)}\n`);
  }
  if (counts.failed > 0) process.exitCode = 1;

  async function run({ run }: Check): Promise<Finding> {
    const [finding, error] = await attempt(() => run(situation));
    return finding ?? { status: "failed", message: describeError(error) };
  }
}

function line({ name }: Check, { status, message, advice }: Finding): string {
  const head = `${status.padEnd(statusWidth)}  ${name.padEnd(nameWidth)}`;
  const text = `${colored(colors[status], head)}  ${visible(message)}`;
  if (advice === undefined) return text;
  const indent = " ".repeat(head.length + 2);
  return `${text}\n${indent}${colored("dim", `→ ${visible(advice)}`)}`;
}

function publicUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new InvalidArgumentError("Expected a whole URL, such as https://example.com/webhook.");
  }
  return url;
}
