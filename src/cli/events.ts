import type { Command } from "commander";
import { addEventsBody } from "./events/body.ts";
import { addEventsGet } from "./events/get.ts";
import { addEventsList } from "./events/list.ts";
import { addEventsRedeliver } from "./events/redeliver.ts";

/** `events`: what is stored. */
export function addEvents(program: Command): Command {
  const command = program
    .command("events")
    .description("list, show and redeliver the events in the storage");
  for (const add of [addEventsList, addEventsGet, addEventsBody, addEventsRedeliver]) add(command);
  return command;
}
