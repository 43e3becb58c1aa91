import type { Command } from "commander";
import type { Drift, EnsuredWebhook } from "../imggo.ts";
import { isPrivateHost } from "../processor/private-host.ts";
import { secretProblem } from "../signature.ts";
import { commandName } from "./command-name.ts";
import { addConfigOption } from "./config-option.ts";
import { type EnvFile, openEnvFile } from "./env-file.ts";
import { ExpectedError } from "./expected-error.ts";
import { openImgGo } from "./imggo.ts";
import { readInput } from "./input.ts";
import { colored, print, warn } from "./output.ts";
import { withProgress } from "./progress.ts";
import { visible } from "../visible.ts";

interface RegisterFlags {
  readonly url: string;
  readonly events: string;
  readonly save?: string;
  readonly fix?: true;
  readonly allowHttp?: true;
  readonly secret?: string;
  readonly config?: string;
  readonly json?: true;
}

/** `register`: makes ImgGo send to a URL. */
export function addRegister(program: Command): Command {
  return addConfigOption(program.command("register"))
    .description("register a webhook at ImgGo, once: where it is registered it says so")
    .requiredOption("--url <url>", "where the receiver is reached from outside")
    .option("--events <names>", "what is sent, with commas", "job.succeeded,job.failed")
    .option("--save <file>", "write the secret into this env file, and do not print it")
    .option("--fix", "delete a webhook that is registered in another way, and register it anew")
    .option("--secret <value>", "a secret of your own; - for standard input (default: ImgGo's)")
    .option("--allow-http", "take an http: URL too: results are sent for all to read")
    .action(register);
}

async function register(flags: RegisterFlags): Promise<void> {
  const { save, fix = false, json } = flags;
  const events = flags.events.split(",").map((name) => name.trim()).filter((name) => name !== "");
  const problem = urlProblem(flags.url, flags.allowHttp) ??
    (events.length === 0
      ? "--events expects at least one event, such as job.succeeded"
      : undefined);
  if (problem !== undefined) throw new ExpectedError(2, problem);
  const secret = flags.secret === undefined ? undefined : await readSecret(flags.secret);
  const { webhooks, path } = await openImgGo(flags.config);
  // Before anything is registered: its secret is shown once.
  const file = save === undefined ? undefined : openEnvFile(save);
  for (const warning of urlWarnings(flags.url, path)) warn(json, warning);

  const request = { url: flags.url, events, ...(secret !== undefined && { secret }) };
  const work = webhooks.ensure(request, { replace: fix });
  const ensured = await withProgress(json, "Waiting for ImgGo…", work);
  const { outcome, webhook: { id, url } } = ensured;
  if (outcome === "drifted") return reportDrift(ensured, json);
  const webhook = { outcome, id, url, events: ensured.webhook.events };
  if (outcome === "unchanged") {
    print(json, `already registered  ${visible(id)}`, webhook);
    const again = `Its secret cannot be shown again; if it is lost, ${startOver(id)}.`;
    if (file === undefined || file.hasSecret()) return warn(json, again);
    throw new ExpectedError(1, `${save} has no WEBHOOK_SECRET, and none was saved. ${again}`);
  }
  if (ensured.webhook.secret === undefined) {
    print(json, `registered  ${visible(id)}`, webhook);
    throw new ExpectedError(
      1,
      `ImgGo's answer was lost, and with it the webhook's secret: ${startOver(id)}.`,
    );
  }
  keep(ensured.webhook.secret, webhook, { save, file, json });
}

/** Hands the new secret over: it is saved, or else printed. Whatever happens, it is one of them. */
function keep(
  secret: string,
  webhook: { readonly outcome: string; readonly id: string },
  { save, file, json }: {
    save: string | undefined;
    file: EnvFile | undefined;
    json?: true | undefined;
  },
): void {
  const head = `${webhook.outcome === "replaced" ? "registered anew" : "registered"}  ${
    visible(webhook.id)
  }`;
  const printed = (): void => {
    const text = `${head}\n  WEBHOOK_SECRET=${colored("bold", visible(secret))}`;
    print(json, text, { ...webhook, secret });
  };
  if (file === undefined) {
    printed();
    return warn(json, "ImgGo shows this secret once: start the receiver with it.");
  }
  try {
    const { isRotated, isPreviousLost } = file.save(secret);
    print(json, `${head}\n  WEBHOOK_SECRET is in ${save}`, { ...webhook, saved_to: save });
    if (isRotated) warn(json, "The secret before it is WEBHOOK_SECRET_PREVIOUS now.");
    if (isPreviousLost) {
      warn(json, "The WEBHOOK_SECRET_PREVIOUS that was there is gone: there is room for one.");
    }
    warn(json, "Start the receiver anew, so that it takes what is signed with the new secret.");
  } catch (error) {
    printed();
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExpectedError(
      1,
      `${reason} The webhook is registered, and its secret is printed for once: keep it.`,
    );
  }
}

function reportDrift(
  { webhook, drift }: Extract<EnsuredWebhook, { outcome: "drifted" }>,
  json: true | undefined,
): void {
  const { id, url } = webhook;
  const lines = [`registered in another way  ${visible(id)}`, ...drift.flatMap(difference)];
  print(json, lines.join("\n"), { outcome: "drifted", id, url, drift });
  throw new ExpectedError(
    1,
    "ImgGo changes no webhook: --fix deletes this one and registers it anew, with a new secret. " +
      "What ends in between is not sent.",
  );
}

/** One difference, as a diff: what is there, and what should be. */
function difference(drift: Drift): string[] {
  if (drift.field === "active") {
    return [colored("red", "  - inactive"), colored("green", "  + active")];
  }
  const { is, wanted } = drift;
  const gone = is.filter((name) => !wanted.includes(name));
  const missing = wanted.filter((name) => !is.includes(name));
  return [
    ...gone.map((name) => colored("red", `  - ${visible(name)}`)),
    ...missing.map((name) => colored("green", `  + ${name}`)),
  ];
}

function startOver(id: string): string {
  return `delete it with \`${commandName} webhooks delete ${visible(id)}\` and register it again`;
}

function urlProblem(url: string, allowHttp = false): string | undefined {
  if (!URL.canParse(url)) return "--url expects a whole URL, such as https://example.com/webhook";
  const { protocol, username, password, hash } = new URL(url);
  if (username || password) return "--url expects a URL without credentials: signatures do instead";
  if (hash) return "--url expects a URL without a fragment, which is never sent";
  if (protocol === "https:" || (protocol === "http:" && allowHttp)) return undefined;
  const hint = protocol === "http:" ? "; --allow-http takes it all the same" : "";
  return `--url expects an https: URL${hint}`;
}

function urlWarnings(url: string, path: string): string[] {
  const { pathname, hostname } = new URL(url);
  return [
    ...pathname === path
      ? []
      : [`The path ${pathname} is not ${path}, where the receiver listens (WEBHOOK_PATH).`],
    ...isPrivateHost(hostname) ? [`ImgGo cannot reach ${hostname}, which is private.`] : [],
  ];
}

async function readSecret(value: string): Promise<string> {
  const secret = value === "-"
    ? new TextDecoder().decode(await readInput("-")).replace(/\r?\n$/, "")
    : value;
  const problem = secretProblem(secret);
  if (problem !== undefined) throw new ExpectedError(2, `--secret: ${problem}`);
  return secret;
}
