import process from "node:process";
import type { Command } from "commander";
import { type Listening, serve } from "../entry/serve.ts";
import { toHex } from "../hex.ts";
import { healthPath } from "../paths.ts";
import { commandName } from "./command-name.ts";
import { currentListen } from "./current-listen.ts";
import { devSessionFile, readDevSession, writeDevSession } from "./dev-session.ts";
import { colored } from "./output.ts";

interface DevFlags {
  readonly config?: string;
  readonly json?: true;
}

/** `dev`: a receiver for trying things out, without any set-up. */
export function addDev(program: Command): Command {
  return program
    .command("dev")
    .description("receive on this machine, without any set-up: a secret is made and kept")
    .option("--config <file>", "the configuration file (default: imggo.config.ts, if it is there)")
    .action(async ({ config, json }: DevFlags) => {
      const secret = readDevSession().secret ??
        toHex(crypto.getRandomValues(new Uint8Array(32)));
      await serve(await currentListen(), {
        env: { ...process.env, ...(json && { LOG_FORMAT: "json" }) },
        ...(config !== undefined && { configFile: config }),
        defaults: { secret, host: "127.0.0.1", forwardAllowPrivate: true },
        onListening(listening) {
          const usesSecret = listening.settings.secrets.includes(secret);
          writeDevSession({ url: listening.url.href, secret, usesSecret });
          if (!json) process.stdout.write(welcome(listening, usesSecret));
        },
      });
    });
}

function welcome({ url, settings, processors }: Listening, usesSecret: boolean): string {
  const { storage } = settings;
  const rows = [
    ["Webhook", url.href],
    ["Health", new URL(healthPath, url).href],
    ["Storage", typeof storage === "string" ? storage : "of the configuration"],
    ["Processors", `${processors.join(", ")} (yours go into imggo.config.ts)`],
    ["Secret", usesSecret ? `generated for this folder, in ${devSessionFile}` : "the one you set"],
  ];
  const where = usesSecret ? "" : ", where you set the same WEBHOOK_SECRET";
  return [
    "",
    ...rows.map(([name = "", value]) => `  ${colored("dim", name.padEnd(12))}${value}`),
    "",
    `  Send it a signed event, from another terminal${where}:`,
    "",
    `    ${colored("bold", `${commandName} trigger job.succeeded`)}`,
    "",
    "",
  ].join("\n");
}
