import process from "node:process";
import type { Command } from "commander";
import { serve } from "../entry/serve.ts";
import { toHex } from "../hex.ts";
import type { Settings } from "../settings.ts";
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
        onListening(url, settings) {
          // A secret of the environment's or the configuration's stays where it is.
          const made = settings.secrets.includes(secret);
          writeDevSession({ url: url.href, ...(made && { secret }) });
          if (!json) process.stdout.write(welcome(url, settings, made));
        },
      });
    });
}

function welcome(url: URL, { storage }: Settings, made: boolean): string {
  // In a checkout nothing is installed under the command's name.
  const command = import.meta.url.endsWith(".ts") ? "npm run cli --" : "npx imggo-webhooks";
  const rows = [
    ["Webhook", url.href],
    ["Health", new URL("/healthz", url).href],
    ["Storage", typeof storage === "string" ? storage : "of the configuration"],
    ["Secret", made ? `made for this folder, in ${devSessionFile}` : "the one that is set"],
  ];
  return [
    "",
    ...rows.map(([name = "", value]) => `  ${colored("dim", name.padEnd(9))}${value}`),
    "",
    "  Send it a signed event, from another terminal:",
    "",
    `    ${colored("bold", `${command} trigger job.succeeded`)}`,
    "",
    "",
  ].join("\n");
}
