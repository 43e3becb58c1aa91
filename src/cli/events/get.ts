import type { Command } from "commander";
import { type ParsedEvent, parseEvent } from "../../event.ts";
import type { Delivery, StoredEvent } from "../../storage/storage.ts";
import { eventJson } from "../../stored-json.ts";
import { addConfigOption } from "../config-option.ts";
import { details } from "../details.ts";
import { colored, print } from "../output.ts";
import { relativeTime } from "../../relative-time.ts";
import { type StorageFlags, withStorage } from "../storage.ts";
import { type Column, table } from "../table.ts";
import { visible, visibleLines } from "../../visible.ts";
import { findEvent } from "./find.ts";
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
  addConfigOption(events.command("get"))
    .description("show an event as processors get it, and where its deliveries stand")
    .argument("<id>", "its id, as `events list` prints it")
    .action(get);
}

async function get(id: string, flags: StorageFlags): Promise<void> {
  await withStorage(flags, async ({ storage }) => {
    const stored = await findEvent(storage, id);
    const body = await storage.body(id);
    if (body === undefined) return void await findEvent(storage, id);
    const parsed = parseEvent(body, stored.receivedAt);
    print(flags.json, describe(stored, parsed), { ...eventJson(stored), ...contentJson(parsed) });
  });
}

/** What the body means: the canonical event, or why it has none. */
function contentJson(parsed: ParsedEvent): Record<string, unknown> {
  if (parsed.state === "quarantined") {
    return { canonical: null, code: parsed.code, issues: parsed.issues };
  }
  return { canonical: parsed.state === "accepted" ? parsed.event : null };
}

function describe(stored: StoredEvent, parsed: ParsedEvent): string {
  const { id, state, event, origin, jobId, patternId, receivedAt, size, duplicates } = stored;
  const color = stateColor(state);
  const title = [
    colored("bold", visible(id)),
    event === null ? [] : visible(event),
    color === undefined ? state : colored(color, state),
  ].flat().join("  ");
  const { deliveries } = stored;
  return [
    title,
    "",
    details([
      ["Job", jobId ?? "not known"],
      ["Pattern", patternId ?? "not known"],
      ["Received", `${new Date(receivedAt).toISOString()} (${relativeTime(receivedAt)})`],
      ["Origin", origin],
      ["Size", `${size} bytes`],
      ["Duplicates", String(duplicates)],
    ]),
    "",
    deliveries.length > 0 ? table(columns, deliveries.map(row)) : "No deliveries.",
    "",
    content(parsed),
  ].join("\n");
}

function row({ processor, state, attempts, dueAt, endedAt, lastError }: Delivery): string[] {
  const when = dueAt === null
    ? relativeTime(endedAt ?? undefined)
    : `${state === "running" ? "until" : "due"} ${relativeTime(dueAt)}`;
  return [processor, state, String(attempts), when, lastError ?? ""];
}

function content(parsed: ParsedEvent): string {
  if (parsed.state === "accepted") return visibleLines(JSON.stringify(parsed.event, null, 2));
  if (parsed.state === "ignored") return "It is no end of a job: no processor gets it.";
  if (parsed.code === "invalid_json") return "Its body is no JSON in UTF-8.";
  const issues = parsed.issues.map(({ path, message }) => `  ${path || "the body"}: ${message}`);
  return ["Its body is not understood:", ...issues.map(visible)].join("\n");
}
