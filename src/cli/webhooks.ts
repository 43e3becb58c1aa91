import process from "node:process";
import type { Command } from "commander";
import { ImgGoError } from "../imggo/errors.ts";
import { commandName } from "./command-name.ts";
import { addConfigOption } from "./config-option.ts";
import { ExpectedError } from "./expected-error.ts";
import { openImgGo } from "./imggo.ts";
import { print } from "./output.ts";
import { withProgress } from "./progress.ts";
import { relativeTime } from "../relative-time.ts";
import { type Column, table } from "./table.ts";

interface WebhooksFlags {
  readonly config?: string;
  readonly json?: true;
}

const columns: readonly Column[] = [
  { title: "ID", isWhole: true },
  { title: "URL" },
  { title: "EVENTS" },
  { title: "ACTIVE" },
  { title: "CREATED" },
  { title: "LAST SENT" },
];

/** `webhooks`: those that are registered at ImgGo. */
export function addWebhooks(program: Command): Command {
  const command = program
    .command("webhooks")
    .description("list and delete the webhooks registered at ImgGo");
  addConfigOption(command.command("list"))
    .description("print every webhook of the account of IMGGO_API_KEY")
    .action(list);
  addConfigOption(command.command("delete"))
    .description("delete a webhook: ImgGo sends nothing more to its URL")
    .argument("<id>", "its id, as `webhooks list` prints it")
    .action(remove);
  return command;
}

async function list({ config, json }: WebhooksFlags): Promise<void> {
  const { webhooks } = await openImgGo(config);
  const all = await withProgress(json, "Waiting for ImgGo…", webhooks.list());
  if (json) {
    for (const { id, url, events, active, createdAt, lastTriggeredAt } of all) {
      const times = { created_at: createdAt ?? null, last_triggered_at: lastTriggeredAt ?? null };
      print(json, "", { id, url, events, active, ...times });
    }
    return;
  }
  if (all.length === 0) {
    process.stdout.write(
      `No webhook is registered. \`${commandName} register --url <url>\` registers one.\n`,
    );
    return;
  }
  const rows = all.map(({ id, url, events, active, createdAt, lastTriggeredAt }) => [
    id,
    url,
    events.join(", "),
    active ? "yes" : "no",
    createdAt === undefined ? "" : relativeTime(createdAt),
    relativeTime(lastTriggeredAt),
  ]);
  process.stdout.write(`${table(columns, rows)}\n`);
}

async function remove(id: string, { config, json }: WebhooksFlags): Promise<void> {
  const { webhooks } = await openImgGo(config);
  try {
    await withProgress(json, "Waiting for ImgGo…", webhooks.delete(id));
  } catch (error) {
    if (error instanceof TypeError) throw new ExpectedError(2, error.message);
    if (!(error instanceof ImgGoError) || error.status !== 404) throw error;
    throw new ExpectedError(
      1,
      `ImgGo has no webhook ${id}: \`${commandName} webhooks list\` prints those it has.`,
    );
  }
  print(json, `deleted ${id}`, { id, deleted: true });
}
