import { type Command, Option } from "commander";
import type { DeliveryState, EventState, StoredEvent } from "../../storage/storage.ts";
import { eventJson } from "../../stored-json.ts";
import { addConfigOption } from "../config-option.ts";
import { addPageOptions, listPages, type PageFlags, printPart } from "../list-pages.ts";
import { relativeTime } from "../../relative-time.ts";
import { type StorageFlags, withStorage } from "../storage.ts";
import type { Column } from "../table.ts";
import { moment } from "../time-value.ts";
import { deliveryStates, eventStates, stateColor } from "./states.ts";

interface ListFlags extends StorageFlags, PageFlags {
  readonly state?: EventState;
  readonly event?: string;
  readonly job?: string;
  readonly pattern?: string;
  readonly deliveryState?: DeliveryState;
  readonly receivedAfter?: number;
  readonly receivedBefore?: number;
  readonly json?: true;
}

const columns: readonly Column[] = [
  { title: "ID", isWhole: true },
  { title: "RECEIVED" },
  { title: "EVENT" },
  { title: "STATE", color: stateColor },
  { title: "JOB", isWhole: true },
  { title: "DELIVERIES", color: (cell) => /\bdead\b/.test(cell) ? "red" : undefined },
];

/** `events list`: which events there are. */
export function addEventsList(events: Command): void {
  addPageOptions(addConfigOption(events.command("list")))
    .description("list events, the last stored first")
    .addOption(new Option("--state <state>", "those in this state").choices(eventStates))
    .option("--event <name>", "those of this name, such as job.succeeded")
    .option("--job <id>", "those of this job")
    .option("--pattern <id>", "those of this pattern")
    .addOption(
      new Option("--delivery-state <state>", "those with a delivery in this state")
        .choices(deliveryStates),
    )
    .option("--since, --received-after <when>", "received then or later: 24h, 2026-01-31", moment)
    .option("--before, --received-before <when>", "received before then", moment)
    .action(list);
}

async function list(flags: ListFlags): Promise<void> {
  const { job, pattern, state, event, deliveryState, receivedAfter, receivedBefore } = flags;
  const filter = {
    ...(state !== undefined && { state }),
    ...(event !== undefined && { event }),
    ...(job !== undefined && { jobId: job }),
    ...(pattern !== undefined && { patternId: pattern }),
    ...(deliveryState !== undefined && { deliveryState }),
    ...(receivedAfter !== undefined && { receivedAfter }),
    ...(receivedBefore !== undefined && { receivedBefore }),
  };
  await withStorage(flags, async ({ storage }) => {
    const part = await listPages(flags, async (query) => {
      const page = await storage.list({ ...filter, ...query });
      return { items: page.events, nextCursor: page.nextCursor };
    });
    const isFiltered = Object.keys(filter).length > 0;
    const none = isFiltered ? "No event is like that." : "No event is stored.";
    printPart(flags, part, { toJson: eventJson, columns, row, none });
  });
}

function row({ id, receivedAt, event, state, jobId, deliveries }: StoredEvent): string[] {
  const standing = deliveries.map(({ processor, state }) => `${processor} ${state}`).join(", ");
  return [id, relativeTime(receivedAt), event ?? "", state, jobId ?? "", standing];
}
