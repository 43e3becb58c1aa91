import type { Command } from "commander";
import { addConfigOption } from "../config-option.ts";
import { ExpectedError } from "../expected-error.ts";
import { print } from "../output.ts";
import { type StorageFlags, withStorage } from "../storage.ts";
import { visible } from "../../visible.ts";
import { findEvent } from "./find.ts";

interface RedeliverFlags extends StorageFlags {
  readonly processor?: string;
}

/** `events redeliver`: runs one again. */
export function addEventsRedeliver(events: Command): void {
  addConfigOption(events.command("redeliver"))
    .description("let processors run again that have ended: by a server that runs, or at its start")
    .argument("<id>", "its id, as `events list` prints it")
    .option("--processor <name>", "just this one, also if it never got the event (default: all)")
    .action(redeliver);
}

async function redeliver(id: string, { processor, ...flags }: RedeliverFlags): Promise<void> {
  await withStorage(flags, async ({ storage, processors }) => {
    const { state, deliveries } = await findEvent(storage, id);
    if (state !== "accepted") {
      throw new ExpectedError(
        1,
        `${visible(id)} is ${state}: only what is accepted is handed to processors.`,
      );
    }
    const known = deliveries.map((delivery) => delivery.processor);
    if (processor !== undefined) checkName(processor, [...known, ...Object.keys(processors)]);
    if (processor === undefined && known.length === 0) {
      throw new ExpectedError(
        1,
        `${visible(id)} has no deliveries: --processor <name> makes one.`,
      );
    }
    const names = processor === undefined ? known : [processor];
    const count = await storage.redeliver(id, names);
    const open = deliveries
      .filter((each) => names.includes(each.processor) && each.endedAt === null)
      .map((each) => each.processor);
    const ended = names.filter((name) => !open.includes(name)).map(visible).join(", ");
    const text = count > 0
      ? `${visible(id)} is due again: ${ended}`
      : `Nothing to do: ${open.map(visible).join(", ")} has yet to end.`;
    print(flags.json, text, { id, count });
  });
}

function checkName(name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  const names = [...new Set(known)].map(visible).join(", ");
  throw new ExpectedError(2, `--processor expects one of ${names}; nobody would run another.`);
}
