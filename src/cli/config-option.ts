import type { Command } from "commander";

/** Lets a verb take another configuration file than the one in the working folder. */
export function addConfigOption(command: Command): Command {
  return command.option(
    "--config <file>",
    "the configuration file (default: imggo.config.ts, if it is there)",
  );
}
