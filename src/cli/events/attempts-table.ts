import type { AttemptJson, DeliveryDetailJson } from "../../operations/answers.ts";
import type { AttemptState } from "../../storage/storage.ts";
import type { Color } from "../output.ts";
import { relativeTime } from "../../relative-time.ts";
import { type Column, table } from "../table.ts";

const colors: Readonly<Record<AttemptState, Color | undefined>> = {
  running: undefined,
  succeeded: "green",
  retry: "yellow",
  dead: "red",
  released: "dim",
  lost: "yellow",
};

const columns: readonly Column[] = [
  { title: "PROCESSOR", isWhole: true },
  { title: "ATTEMPT" },
  { title: "ENDED AS", color: (cell) => colors[cell as AttemptState] },
  { title: "STARTED" },
  { title: "TOOK" },
  { title: "ERROR" },
];

/** The attempts of those deliveries that took more than one; undefined where none did. */
export function attemptsTable(deliveries: readonly DeliveryDetailJson[]): string | undefined {
  const rows = deliveries
    .filter(({ history }) => history.length > 1)
    .flatMap(({ processor, history }) => history.map((attempt) => [processor, ...row(attempt)]));
  return rows.length > 0 ? table(columns, rows) : undefined;
}

function row({ attempt, state, started_at, ended_at, error }: AttemptJson): string[] {
  const took = ended_at === null ? "" : duration(Date.parse(ended_at) - Date.parse(started_at));
  return [String(attempt), state, relativeTime(started_at), took, error ?? ""];
}

function duration(milliseconds: number): string {
  return milliseconds < 1_000
    ? `${Math.max(0, milliseconds)} ms`
    : `${(milliseconds / 1_000).toFixed(1)} s`;
}
