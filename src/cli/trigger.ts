import process from "node:process";
import { Argument, type Command, Option } from "commander";
import { describeError } from "../describe-error.ts";
import { sign, signatureHeader } from "../signature.ts";
import { commandName } from "./command-name.ts";
import { ExpectedError } from "./expected-error.ts";
import { readInput } from "./input.ts";
import { colored, print } from "./output.ts";
import {
  type Dialect,
  dialects,
  sampleEvent,
  type SampleName,
  sampleNames,
} from "./sample-event.ts";
import { defaultTarget } from "./target.ts";
import { wholeNumber } from "./whole-number.ts";

interface TriggerFlags {
  readonly to?: string;
  readonly dialect: Dialect;
  readonly result?: string;
  readonly count: number;
  readonly duplicates: number;
  readonly forge?: true;
  readonly json?: true;
}

/** What a receiver answered. */
interface Answer {
  readonly http_status: number;
  readonly status?: string;
  readonly code?: string;
  readonly id?: string;
  readonly ms: number;
}

// ImgGo's own client gives up then.
const timeoutMs = 30_000;
const concurrency = 16;

/** `trigger`: sends samples as ImgGo would. */
export function addTrigger(program: Command): Command {
  return program
    .command("trigger")
    .description("send signed samples to a receiver and print each answer")
    .addArgument(new Argument("<event>", "what happened to the job").choices(sampleNames))
    .option("--to <url>", "the receiver (default: the one of `dev`, or of PORT and WEBHOOK_PATH)")
    .addOption(
      new Option("--dialect <name>", "how ImgGo writes it").choices(dialects).default("nested"),
    )
    .option("--result <file>", "a JSON file with the result; - for standard input")
    .option("--count <n>", "how many different events", wholeNumber(1), 1)
    .option("--duplicates <n>", "how many more times each is sent, all at once", wholeNumber(0), 0)
    .option("--forge", "sign with another secret: to see it refused")
    .action(trigger);
}

async function trigger(name: SampleName, flags: TriggerFlags): Promise<void> {
  const target = defaultTarget();
  const url = flags.to ?? target.url;
  if (!/^https?:/.test(url) || !URL.canParse(url)) {
    throw new ExpectedError(2, `--to expects an http: or https: URL, got ${url}`);
  }
  const secret = flags.forge ? crypto.randomUUID() : target.secret;
  const result = flags.result === undefined ? undefined : await readResult(flags.result);

  const counts = new Map<string, number>();
  const send = async (body: string) => {
    const answer = await post(url, body, secret);
    const label = answer.status ?? answer.code ?? "not a receiver of this kind";
    counts.set(label, (counts.get(label) ?? 0) + 1);
    const good = flags.forge
      ? answer.code === "invalid_signature"
      : answer.http_status === 200 && answer.status !== undefined;
    const status = colored(good ? "green" : "red", String(answer.http_status));
    const parts = [status, label, answer.id ?? [], colored("dim", `${answer.ms} ms`)].flat();
    print(flags.json, parts.join(" "), answer);
    if (!good) process.exitCode = 1;
  };

  let left = flags.count;
  const sender = async () => {
    while (left-- > 0) {
      const body = sampleEvent(name, flags.dialect, result);
      await Promise.all(Array.from({ length: 1 + flags.duplicates }, () => send(body)));
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, flags.count) }, sender));
  if (!flags.forge && counts.has("invalid_signature")) {
    const hint = `The receiver expects another secret than the one of ${target.secretFrom}.`;
    process.stderr.write(`${hint}\n`);
  }
  if (!flags.json && flags.count * (1 + flags.duplicates) > 1) {
    const parts = [...counts].map(([label, count]) => `${count} ${label}`);
    process.stdout.write(`${colored("bold", parts.join(", "))}\n`);
  }
}

async function post(url: string, body: string, secret: string): Promise<Answer> {
  const startedAt = performance.now();
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "User-Agent": "ImgGo-Webhook/1.0",
        [signatureHeader]: await sign(body, secret),
      },
      body,
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await response.text();
  } catch (cause) {
    const reason = describeError(cause);
    throw new ExpectedError(
      1,
      `No answer from ${url}: ${reason}. \`${commandName} dev\` starts a receiver.`,
      { cause },
    );
  }
  const ms = Math.round(performance.now() - startedAt);
  return { http_status: response.status, ...fieldsOf(text), ms };
}

/** What of an answer is a receiver's; anything else that answers has none of it. */
function fieldsOf(text: string): { status?: string; code?: string; id?: string } {
  try {
    const { status, code, id } = JSON.parse(text);
    return Object.fromEntries(
      Object.entries({ status, code, id }).filter(([, value]) => typeof value === "string"),
    );
  } catch {
    return {};
  }
}

async function readResult(file: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readInput(file));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ExpectedError(2, `--result expects a file of JSON; ${file} is not.`, { cause });
  }
}
