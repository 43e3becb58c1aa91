import { readFileSync } from "node:fs";
import process from "node:process";
import { Command, CommanderError } from "commander";
import { ImgGoError } from "../imggo/errors.ts";
import { ServerError } from "../operations/server.ts";
import { ReconcileError } from "../reconcile/options.ts";
import { SettingsError } from "../settings.ts";
import { StorageError } from "../storage/storage.ts";
import { addDev } from "./dev.ts";
import { addDoctor } from "./doctor.ts";
import { addEvents } from "./events.ts";
import { addExpect } from "./expect.ts";
import { ExpectedError } from "./expected-error.ts";
import { jsonOf } from "./output.ts";
import { addReconcile } from "./reconcile.ts";
import { addRedrive } from "./redrive.ts";
import { addRegister } from "./register.ts";
import { addRejections } from "./rejections.ts";
import { addServe } from "./serve.ts";
import { addSign } from "./sign.ts";
import { addStats } from "./stats.ts";
import { addTrigger } from "./trigger.ts";
import { addTypes } from "./types.ts";
import { addVerify } from "./verify.ts";
import { visibleLines } from "../visible.ts";
import { addWebhooks } from "./webhooks.ts";

const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");

const json = process.argv.includes("--json");

const program = new Command("imggo-webhooks")
  .description("Receives ImgGo's webhooks and loses none.")
  .version(JSON.parse(manifest).version)
  .exitOverride()
  .configureOutput({
    outputError: (text, write) => write(json ? `${jsonOf({ error: text.trim() })}\n` : text),
  })
  .configureHelp({ sortSubcommands: false })
  .showSuggestionAfterError();

const adding = [
  addDev,
  addServe,
  addTrigger,
  addSign,
  addVerify,
  addRegister,
  addWebhooks,
  addTypes,
  addEvents,
  addRedrive,
  addStats,
  addRejections,
  addExpect,
  addReconcile,
  addDoctor,
];
for (const add of adding) {
  const command = add(program);
  // Of a verb that has verbs of its own, those take the option.
  const verbs = command.commands.length > 0 ? command.commands : [command];
  for (const verb of verbs) verb.option("--json", "print JSON, one object a line").exitOverride();
}

// Whoever reads the first lines only, such as `head`, has what it wants.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: { code?: string }) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}
// What a configuration opened may keep the process from ending by itself.
await Promise.all([process.stdout, process.stderr].map(flushed));
process.exit();

/** Prints what is to be said of an error; its exit code. */
function report(error: unknown): number {
  // Commander has printed its own.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const exitCode = exitCodeOf(error);
  if (exitCode === undefined || !(error instanceof Error)) throw error;
  process.stderr.write(
    `${json ? jsonOf({ error: error.message }) : visibleLines(error.message)}\n`,
  );
  return exitCode;
}

/** The exit code of an error whose message says all; undefined of any other. */
function exitCodeOf(error: unknown): 1 | 2 | undefined {
  if (error instanceof ExpectedError) return error.exitCode;
  if (error instanceof SettingsError) return 2;
  const kinds = [ImgGoError, StorageError, ServerError, ReconcileError];
  return kinds.some((kind) => error instanceof kind) ? 1 : undefined;
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}
