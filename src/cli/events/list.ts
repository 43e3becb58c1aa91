import { type Command, Option } from "commander";
import type { EventJson } from "../../operations/answers.ts";
import { deliveryStates, eventStates } from "../../operations/states.ts";
import { addPageOptions, listPages, type PageFlags, printPart } from "../list-pages.ts";
import {
  addOperationsOptions,
  type OperationsFlags,
  requestFor,
  withOperations,
} from "../operations.ts";
import { relativeTime } from "../../relative-time.ts";
import type { Column } from "../table.ts";
import { isoTime, moment } from "../time-value.ts";
import { stateColor } from "./states.ts";

interface ListFlags extends OperationsFlags, PageFlags {
  readonly state?: string;
  readonly event?: string;
  readonly job?: string;
  readonly pattern?: string;
  readonly deliveryState?: string;
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
  addPageOptions(addOperationsOptions(events.command("list")))
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
  const given = {
    state: flags.state,
    event: flags.event,
    job_id: flags.job,
    pattern_id: flags.pattern,
    delivery_state: flags.deliveryState,
    received_after: isoTime(flags.receivedAfter),
    received_before: isoTime(flags.receivedBefore),
  };
  const request = requestFor("listEvents", given);
  await withOperations(flags, async (operations) => {
    const part = await listPages(
      flags,
      (position) => operations.listEvents({ ...request, ...position }),
    );
    const isFiltered = Object.values(given).some((value) => value !== undefined);
    const none = isFiltered ? "No event is like that." : "No event is stored.";
    printPart(flags, part, { columns, row, none });
  });
}

function row({ id, received_at, event, state, job_id, deliveries }: EventJson): string[] {
  const standing = deliveries.map(({ processor, state }) => `${processor} ${state}`).join(", ");
  return [id, relativeTime(received_at), event ?? "", state, job_id ?? "", standing];
}
