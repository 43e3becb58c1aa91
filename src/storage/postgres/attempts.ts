import { type Attempt, attemptsKept, type Storage } from "../storage.ts";
import type { Query } from "./client.ts";
import { milliseconds } from "./values.ts";

/** What is known of a delivery's attempts. */
interface AttemptsRow {
  readonly processor: string;
  /** Those that ended before the one that `started_at` tells of, as JSON. */
  readonly history: string | null;
  /** When the one began that runs or that the delivery succeeded by. */
  readonly started_at: number | null;
  readonly attempts: number;
  readonly succeeded: boolean;
  readonly due_at: number;
}

/** The statement by which the attempts of an event are read. */
export function attemptsStatement(schema: string): string {
  return `SELECT processor, history::text AS history, ${milliseconds("started_at")} AS started_at,
      attempts::float8 AS attempts, d.state = 2 AS succeeded, ${milliseconds("due_at")} AS due_at
    FROM ${schema}.deliveries d JOIN ${schema}.events ON seq = event_seq
    WHERE id = $1::text ORDER BY processor`;
}

/** Tells the attempts of an event's deliveries. */
export function createAttempts(query: Query, schema: string): Storage["attempts"] {
  const statement = attemptsStatement(schema);
  return async (eventId) => (await query<AttemptsRow>(statement, [eventId])).flatMap(attemptsOf);
}

function attemptsOf(row: AttemptsRow): Attempt[] {
  const { processor, started_at: startedAt, attempts: attempt, succeeded } = row;
  const ended = JSON.parse(row.history ?? "[]") as Omit<Attempt, "processor">[];
  const last = startedAt === null ? [] : [
    {
      attempt,
      state: succeeded ? "succeeded" : "running",
      startedAt,
      endedAt: succeeded ? row.due_at : null,
      error: null,
    } as const,
  ];
  return [...ended, ...last].slice(-attemptsKept).map((each) => ({ processor, ...each }));
}
