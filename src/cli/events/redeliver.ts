import type { Command } from "commander";
import {
  addOperationsOptions,
  type OperationsFlags,
  requestFor,
  withOperations,
} from "../operations.ts";
import { print } from "../output.ts";
import { visible } from "../../visible.ts";
import { ofEvent } from "./of-event.ts";

interface RedeliverFlags extends OperationsFlags {
  readonly processor?: string;
}

/** `events redeliver`: runs one again. */
export function addEventsRedeliver(events: Command): void {
  addOperationsOptions(events.command("redeliver"))
    .description("let processors run again that have ended: by a server that runs, or at its start")
    .argument("<id>", "its id, as `events list` prints it")
    .option("--processor <name>", "just this one, also if it never got the event (default: all)")
    .action(redeliver);
}

async function redeliver(id: string, { processor, ...flags }: RedeliverFlags): Promise<void> {
  const request = requestFor("redeliver", { processor });
  await withOperations(flags, async (operations) => {
    const done = await ofEvent(id, flags.json, operations.redeliver(id, request));
    const names = (list: readonly string[]) => list.map(visible).join(", ");
    const text = done.count > 0
      ? `${visible(id)} is due again: ${names(done.processors)}`
      : `Nothing to do: ${names(done.open)} has yet to end.`;
    print(flags.json, text, done);
  });
}
