import type { EventState } from "../storage.ts";
import { describedEvent } from "./describe.ts";
import { cut, interval, milliseconds, timeOf } from "./values.ts";

/**
 * The statements by which events come, are run and go, by name, on the tables of this schema, quoted
 * as SQL wants it. In `state` of a delivery, 0 to 3 are as the schema says. Each is one transaction by
 * itself and needs nothing of its session, so that they go through a pooler. Numbers come back as
 * float8, which every client gives as a number: it holds all integers up to 2^53.
 */
export function statementsFor(schema: string): Statements {
  const events = `${schema}.events`;
  const deliveries = `${schema}.deliveries`;

  return {
    accept: `SELECT * FROM ${schema}.accept($1::text, $2::text, $3::text, $4::text, $5::text,
      $6::text, $7::text, ${timeOf("$8")}, $9::bytea, $10::text::jsonb, $11::text,
      $12::text::jsonb, ${interval("$13")})`,

    // Locks before it changes, so that two callers never wait for each other. What would be dead, but
    // may be about to be superseded, is left to the next claim: its event is locked. `since` is a time
    // before which nothing of a processor is due any more: without it the index would be read from
    // its dead rows on, which stay as long as any transaction is older than they are.
    claim: `WITH wanted AS MATERIALIZED (
        SELECT name, place, CASE WHEN statement_timestamp() >= to_timestamp(seen / 1000)
            THEN to_timestamp(since / 1000) ELSE '-infinity' END AS since
        FROM ROWS FROM (
          jsonb_to_recordset($1::text::jsonb) AS (name text, since float8, seen float8)
        ) WITH ORDINALITY AS wanted (name, since, seen, place)
      ), due AS MATERIALIZED (
        SELECT due.*, wanted.place FROM wanted CROSS JOIN LATERAL (
          SELECT event_seq, processor, attempts, due_at FROM ${deliveries}
          WHERE processor = wanted.name AND state < 2
            AND due_at <= statement_timestamp() AND due_at >= wanted.since
          ORDER BY due_at, event_seq LIMIT $2::bigint FOR UPDATE SKIP LOCKED
        ) due
      ), ranked AS (
        SELECT due.*, row_number() OVER (PARTITION BY processor ORDER BY due_at, event_seq) AS rank
        FROM due
      ), picked AS MATERIALIZED (
        SELECT ranked.event_seq, processor, rank, place, ranked.due_at, events.id, received_at,
          trace_parent,
          CASE WHEN events.state = 'superseded' THEN 'withdrawn'
            WHEN attempts < $4::bigint THEN 'claimed'
            ELSE (
              SELECT CASE state WHEN 'superseded' THEN 'withdrawn' ELSE 'exhausted' END
              FROM ${events} WHERE seq = ranked.event_seq FOR SHARE SKIP LOCKED
            ) END AS what
        FROM (
          SELECT * FROM ranked
          ORDER BY rank, (place + $5::bigint) % (SELECT count(*) FROM wanted) LIMIT $2::bigint
        ) ranked JOIN ${events} ON seq = event_seq
      ), withdrawn AS (
        DELETE FROM ${deliveries} d USING picked
        WHERE what = 'withdrawn' AND d.event_seq = picked.event_seq
          AND d.processor = picked.processor
      ), changed AS (
        UPDATE ${deliveries} d SET
          state = CASE what WHEN 'claimed' THEN 1 ELSE 3 END,
          attempts = attempts + (what = 'claimed')::integer,
          fence = fence + (what = 'claimed')::integer,
          due_at = CASE what WHEN 'claimed' THEN clock_timestamp() + ${interval("$3")}
            ELSE ${cut("clock_timestamp()")} END,
          last_error = CASE what WHEN 'claimed' THEN last_error ELSE $6::text END,
          started_at = CASE what WHEN 'claimed' THEN ${cut("clock_timestamp()")} END,
          history = CASE WHEN started_at IS NULL THEN history ELSE
            ${schema}.with_attempt(history, attempts, 'lost', started_at, NULL, NULL) END
        FROM picked
        WHERE what <> 'withdrawn' AND d.event_seq = picked.event_seq
          AND d.processor = picked.processor
        RETURNING d.event_seq, d.processor, d.attempts, d.fence
      )
      SELECT picked.what, picked.id, picked.processor,
        changed.attempts::float8 AS attempts, changed.fence::float8 AS fence,
        ${milliseconds("picked.received_at")} AS received_at, picked.trace_parent,
        floor(extract(epoch FROM picked.due_at) * 1000)::float8 AS due_at,
        floor(extract(epoch FROM statement_timestamp()) * 1000)::float8 AS now,
        CASE what WHEN 'claimed' THEN (SELECT body FROM ${events} WHERE seq = picked.event_seq) END
          AS body
      FROM picked LEFT JOIN changed USING (event_seq, processor)
      ORDER BY rank, place`,

    renew: `UPDATE ${deliveries} d SET due_at = clock_timestamp() + ${interval("$4")}
      -- Joined, the planner might begin with all deliveries that run.
      WHERE event_seq = (SELECT seq FROM ${events} WHERE id = $1::text) AND processor = $2::text AND fence = $3::bigint AND d.state = 1
      RETURNING true AS held`,

    settle: `SELECT ${schema}.settle($1::text, $2::text, $3::bigint, $4::text, ${interval("$5")},
      $6::text, $7::text) AS held`,

    succeed: `SELECT ${schema}.succeed($1::text::jsonb) AS held`,

    notify: `SELECT set_config('synchronous_commit', 'off', true), pg_notify($1::text, '')`,

    event: `SELECT ${describedEvent(schema, events)} WHERE e.id = $1::text`,

    body: `SELECT body FROM ${events} WHERE id = $1::text`,

    prune: `SELECT ${schema}.prune(${timeOf("$1")}, $2::bigint, ${
      interval("$3")
    })::float8 AS count`,

    ping: `SELECT FROM ${events} LIMIT 1`,
  };
}

/** The names of the statements, and the text of each. */
export type Statements = Readonly<
  Record<
    | "accept"
    | "claim"
    | "renew"
    | "settle"
    | "succeed"
    | "notify"
    | "event"
    | "body"
    | "prune"
    | "ping",
    string
  >
>;

/** What `accept` gives. */
export interface AcceptRow {
  readonly id: string;
  readonly state: EventState;
  readonly identical: boolean;
  /** The processors whose deliveries were claimed, as JSON; null: none. */
  readonly claimed: string | null;
}

/** What `claim` gives: of one that is withdrawn, or null and left alone, nothing more than that. */
export interface ClaimRow {
  readonly what: "claimed" | "exhausted" | "withdrawn" | null;
  readonly id: string;
  readonly processor: string;
  readonly attempts: number;
  readonly fence: number;
  readonly received_at: number;
  readonly trace_parent: string | null;
  readonly due_at: number;
  /** The database's clock. */
  readonly now: number;
  readonly body: Uint8Array | null;
}
