import { type Command, InvalidArgumentError, Option } from "commander";
import { addConfigOption } from "./config-option.ts";
import { ExpectedError } from "./expected-error.ts";
import { print } from "./output.ts";
import { quietReceiver } from "./receiver.ts";
import { type StorageFlags, withStorage } from "./storage.ts";
import { duration } from "./time-value.ts";
import { visible } from "../visible.ts";

interface ExpectFlags extends StorageFlags {
  readonly deadline: number;
  readonly pattern?: string;
}

/** `expect`: awaits the ends of jobs. */
export function addExpect(program: Command): Command {
  return addConfigOption(program.command("expect"))
    .description("await the ends of jobs: where one does not come, a server asks ImgGo for it")
    .argument("<jobs...>", "the ids of the jobs")
    .addOption(
      new Option("--deadline <time>", "when ImgGo is asked: 90s, 10m, 2h")
        .argParser(deadline)
        .default(600_000, "10m"),
    )
    .option("--pattern <id>", "the pattern of the jobs")
    .action(expect);
}

async function expect(
  jobIds: readonly string[],
  { deadline: deadlineMs, pattern, ...flags }: ExpectFlags,
): Promise<void> {
  await withStorage(flags, async (open) => {
    const receiver = quietReceiver(open, {});
    const options = { deadlineMs, ...(pattern !== undefined && { patternId: pattern }) };
    for (const jobId of jobIds) {
      const state = await receiver.expect(jobId, options).catch((error: unknown) => {
        if (!(error instanceof TypeError)) throw error;
        throw new ExpectedError(2, error.message, { cause: error });
      });
      const text = state === "waiting" ? "is awaited" : "has ended already";
      print(flags.json, `${visible(jobId)} ${text}`, { job_id: jobId, state });
    }
  });
}

function deadline(text: string): number {
  const milliseconds = duration(text);
  if (milliseconds <= 365 * 86_400_000) return milliseconds;
  throw new InvalidArgumentError("Expected a year at the most: 365d.");
}
