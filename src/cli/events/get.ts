import type { Command } from "commander";
import type { DeliveryDetailJson, EventDetailJson } from "../../operations/answers.ts";
import { details } from "../details.ts";
import { addOperationsOptions, type OperationsFlags, withOperations } from "../operations.ts";
import { colored, print } from "../output.ts";
import { relativeTime } from "../../relative-time.ts";
import { type Column, table } from "../table.ts";
import { visible, visibleLines } from "../../visible.ts";
import { attemptsTable } from "./attempts-table.ts";
import { ofEvent } from "./of-event.ts";
import { stateColor } from "./states.ts";

const columns: readonly Column[] = [
  { title: "PROCESSOR", isWhole: true },
  { title: "STATE", color: stateColor },
  { title: "ATTEMPTS" },
  { title: "WHEN" },
  { title: "LAST ERROR" },
];

/** `events get`: all that is known of one. */
export function addEventsGet(events: Command): void {
  addOperationsOptions(events.command("get"))
    .description("show an event as processors get it, and where its deliveries stand")
    .argument("<id>", "its id, as `events list` prints it")
    .action(get);
}

async function get(id: string, flags: OperationsFlags): Promise<void> {
  await withOperations(flags, async (operations) => {
    const event = await ofEvent(id, flags.json, operations.getEvent(id));
    print(flags.json, describe(event), event);
  });
}

function describe(stored: EventDetailJson): string {
  const { id, state, event, origin, received_at, size, duplicates, deliveries } = stored;
  const color = stateColor(state);
  const title = [
    colored("bold", visible(id)),
    event === null ? [] : visible(event),
    color === undefined ? state : colored(color, state),
  ].flat().join("  ");
  const attempts = attemptsTable(deliveries);
  return [
    title,
    "",
    details([
      ["Job", stored.job_id ?? "not known"],
      ["Pattern", stored.pattern_id ?? "not known"],
      ["Received", `${received_at} (${relativeTime(received_at)})`],
      ["Origin", origin],
      ["Size", `${size} bytes`],
      ["Duplicates", String(duplicates)],
    ]),
    "",
    deliveries.length > 0 ? table(columns, deliveries.map(row)) : "No deliveries.",
    "",
    ...(attempts === undefined ? [] : [attempts, ""]),
    content(stored),
  ].join("\n");
}

function row(
  { processor, state, attempts, due_at, ended_at, last_error }: DeliveryDetailJson,
): string[] {
  const when = due_at === null
    ? relativeTime(ended_at ?? undefined)
    : `${state === "running" ? "until" : "due"} ${relativeTime(due_at)}`;
  return [processor, state, String(attempts), when, last_error ?? ""];
}

function content({ canonical, code, issues = [] }: EventDetailJson): string {
  if (canonical !== null) return visibleLines(JSON.stringify(canonical, null, 2));
  if (code === undefined) return "It is no end of a job: no processor gets it.";
  if (code === "invalid_json") return "Its body is no JSON in UTF-8.";
  const lines = issues.map(({ path, message }) => `  ${path || "the body"}: ${message}`);
  return ["Its body is not understood:", ...lines.map(visible)].join("\n");
}
