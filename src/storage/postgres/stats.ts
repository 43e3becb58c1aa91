import type { Storage } from "../storage.ts";
import type { Query } from "./client.ts";
import { milliseconds } from "./values.ts";

interface StatsRow {
  readonly events: number;
  readonly ignored: number;
  readonly quarantined: number;
  readonly superseded: number;
  readonly duplicates: number;
  readonly last_received_at: number | null;
  readonly deliveries: number;
  readonly pending: number;
  readonly running: number;
  readonly dead: number;
  readonly oldest_due_at: number | null;
  readonly waiting: number;
  readonly overdue: number;
  readonly rejections: number;
}

/** Counts what there is, of one moment. */
export function statsStatement(schema: string): string {
  const counts = (column: string, names: Readonly<Record<string, string>>) =>
    Object.entries(names).map(([name, value]) =>
      `count(*) FILTER (WHERE ${column} = ${value})::float8 AS ${name}`
    ).join(", ");
  // What is common is what is left of all, which is counted by an index.
  return `SELECT * FROM (
      SELECT count(*)::float8 AS events FROM ${schema}.events
    ) events, (
      SELECT ${
    counts("state", {
      ignored: "'ignored'",
      quarantined: "'quarantined'",
      superseded: "'superseded'",
    })
  } FROM ${schema}.events WHERE state <> 'accepted'
    ) others, (
      SELECT coalesce(sum(duplicates), 0)::float8 AS duplicates FROM ${schema}.keys
      WHERE duplicates > 0 AND expires_at IS NULL
    ) keys, (
      SELECT ${milliseconds("max(received_at)")} AS last_received_at FROM ${schema}.events
    ) received, (
      SELECT count(*)::float8 AS deliveries FROM ${schema}.deliveries
    ) deliveries, (
      SELECT ${counts("state", { pending: "0", running: "1" })},
        ${milliseconds("min(due_at) FILTER (WHERE due_at <= statement_timestamp())")}
          AS oldest_due_at
      FROM ${schema}.deliveries WHERE state < 2
    ) open, (
      SELECT count(*)::float8 AS dead FROM ${schema}.deliveries WHERE state = 3
    ) dead, (
      SELECT count(*) FILTER (WHERE deadline_at > statement_timestamp())::float8 AS waiting,
        count(*) FILTER (WHERE deadline_at <= statement_timestamp())::float8 AS overdue
      FROM ${schema}.expectations
    ) expectations, (
      SELECT count(*)::float8 AS rejections FROM ${schema}.rejections
    ) rejections`;
}

/** Counts what there is. */
export function createStats(query: Query, schema: string): Storage["stats"] {
  const statement = statsStatement(schema);
  return async () => {
    const [row] = await query<StatsRow>(statement, []) as [StatsRow];
    const { ignored, quarantined, superseded, pending, running, dead } = row;
    const accepted = row.events - ignored - quarantined - superseded;
    const succeeded = row.deliveries - pending - running - dead;
    return {
      events: { accepted, ignored, quarantined, superseded },
      deliveries: { pending, running, succeeded, dead },
      duplicates: row.duplicates,
      oldestDueAt: row.oldest_due_at,
      lastReceivedAt: row.last_received_at,
      expectations: { waiting: row.waiting, overdue: row.overdue },
      rejections: row.rejections,
    };
  };
}
