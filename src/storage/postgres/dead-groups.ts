import { type DeadGroup, deadLookedAt, type Storage } from "../storage.ts";
import type { Query } from "./client.ts";
import { milliseconds } from "./values.ts";

interface GroupRow {
  readonly processor: string;
  readonly error: string;
  readonly count: number;
  readonly last_ended_at: number;
  readonly last_event_id: string;
}

/** The statement by which dead deliveries are grouped. */
export function deadGroupsStatement(schema: string): string {
  return `WITH dead AS MATERIALIZED (
      SELECT processor, coalesce(last_error, '') AS error, due_at, event_seq
      FROM ${schema}.deliveries WHERE state = 3
      ORDER BY due_at DESC, event_seq DESC LIMIT ${deadLookedAt}
    ), groups AS (
      SELECT processor, error, count(*) AS count, max(due_at) AS last_ended_at,
        (array_agg(event_seq ORDER BY due_at DESC, event_seq DESC))[1] AS last_seq
      FROM dead GROUP BY processor, error
      ORDER BY count DESC, last_ended_at DESC LIMIT $1::bigint
    )
    SELECT processor, error, count::float8 AS count,
      ${milliseconds("last_ended_at")} AS last_ended_at, id AS last_event_id
    FROM groups JOIN ${schema}.events ON seq = last_seq
    ORDER BY groups.count DESC, groups.last_ended_at DESC`;
}

/** Groups dead deliveries by processor and error. */
export function createDeadGroups(query: Query, schema: string): Storage["deadGroups"] {
  const statement = deadGroupsStatement(schema);
  return async ({ limit }) =>
    (await query<GroupRow>(statement, [limit])).map((row): DeadGroup => ({
      processor: row.processor,
      error: row.error,
      count: row.count,
      lastEndedAt: row.last_ended_at,
      lastEventId: row.last_event_id,
    }));
}
