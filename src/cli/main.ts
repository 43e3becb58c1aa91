#!/usr/bin/env node
import { readFileSync } from "node:fs";
import process from "node:process";
import { Command, CommanderError } from "commander";
import { addDev } from "./dev.ts";
import { ExpectedError } from "./expected-error.ts";
import { addServe } from "./serve.ts";
import { addSign } from "./sign.ts";
import { addTrigger } from "./trigger.ts";
import { addVerify } from "./verify.ts";

const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");

const json = process.argv.includes("--json");

const program = new Command("imggo-webhooks")
  .description("Receives ImgGo's webhooks and loses none.")
  .version(JSON.parse(manifest).version)
  .exitOverride()
  .configureOutput({
    outputError: (text, write) =>
      write(json ? `${JSON.stringify({ error: text.trim() })}\n` : text),
  })
  .configureHelp({ sortSubcommands: false })
  .showSuggestionAfterError();

for (const add of [addDev, addServe, addTrigger, addSign, addVerify]) {
  add(program)
    .option("--json", "print JSON, one object a line")
    .exitOverride();
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}

/** Prints what is to be said of an error; its exit code. */
function report(error: unknown): number {
  // Commander has printed its own.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (!(error instanceof ExpectedError)) throw error;
  process.stderr.write(
    json ? `${JSON.stringify({ error: error.message })}\n` : `${error.message}\n`,
  );
  return error.exitCode;
}
