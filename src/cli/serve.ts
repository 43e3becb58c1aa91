import process from "node:process";
import type { Command } from "commander";
import { serve } from "../entry/serve.ts";
import { addConfigOption } from "./config-option.ts";
import { currentListen } from "./current-listen.ts";

interface ServeFlags {
  readonly config?: string;
  readonly role?: string;
  readonly json?: true;
}

/** `serve`: production. */
export function addServe(program: Command): Command {
  return addConfigOption(program.command("serve"))
    .description("receive and process, in production: settings from the environment")
    .option("--role <role>", "all, receiver or worker (default: ROLE, or all)")
    .action(async ({ config, role, json }: ServeFlags) => {
      await serve(await currentListen(), {
        env: {
          ...process.env,
          ...(role !== undefined && { ROLE: role }),
          ...(json && { LOG_FORMAT: "json" }),
        },
        ...(config !== undefined && { configFile: config }),
      });
    });
}
