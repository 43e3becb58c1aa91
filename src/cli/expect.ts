import { type Command, InvalidArgumentError, Option } from "commander";
import {
  addOperationsOptions,
  type OperationsFlags,
  requestFor,
  withOperations,
} from "./operations.ts";
import { print } from "./output.ts";
import { withProgress } from "./progress.ts";
import { duration } from "./time-value.ts";
import { visible } from "../visible.ts";

interface ExpectFlags extends OperationsFlags {
  readonly deadline: number;
  readonly pattern?: string;
}

/** `expect`: awaits the ends of jobs. */
export function addExpect(program: Command): Command {
  return addOperationsOptions(program.command("expect"))
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
  const requests = jobIds.map((job_id) =>
    requestFor("expect", { job_id, pattern_id: pattern, deadline_s: deadlineMs / 1_000 })
  );
  await withOperations(flags, async (operations) => {
    for (const request of requests) {
      const answer = await withProgress(
        flags.json,
        "Waiting for the answer…",
        operations.expect(request),
      );
      const text = answer.state === "waiting" ? "is awaited" : "has ended already";
      print(flags.json, `${visible(answer.job_id)} ${text}`, answer);
    }
  });
}

function deadline(text: string): number {
  const milliseconds = duration(text);
  if (milliseconds <= 365 * 86_400_000) return milliseconds;
  throw new InvalidArgumentError("Expected a year at the most: 365d.");
}
