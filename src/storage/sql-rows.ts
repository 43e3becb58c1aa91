import type { Expectation } from "./expectations.ts";
import type { RejectionPage } from "./rejections.ts";
import type { Delivery, DeliveryState, EventOrigin, EventState, StoredEvent } from "./storage.ts";

// What the statements of all SQL databases give, and what is made of it.

/** A delivery's states, as the schemas number them. */
export const deliveryStates: readonly DeliveryState[] = ["pending", "running", "succeeded", "dead"];

/** An event without its body. */
export interface EventRow {
  readonly seq: number;
  readonly id: string;
  readonly key: string;
  readonly state: EventState;
  readonly origin: EventOrigin;
  readonly event: string | null;
  readonly job_id: string | null;
  readonly pattern_id: string | null;
  readonly received_at: number;
  readonly size: number;
  readonly duplicates: number;
  readonly trace_parent: string | null;
}

/** The event of a row, with its deliveries. */
export function eventOf(row: EventRow, deliveries: readonly Delivery[]): StoredEvent {
  return {
    id: row.id,
    key: row.key,
    state: row.state,
    origin: row.origin,
    event: row.event,
    jobId: row.job_id,
    patternId: row.pattern_id,
    receivedAt: row.received_at,
    size: row.size,
    duplicates: row.duplicates,
    traceParent: row.trace_parent,
    deliveries,
  };
}

/** A job whose end is awaited. */
export interface ExpectationRow {
  readonly seq: number;
  readonly job_id: string;
  readonly pattern_id: string | null;
  readonly deadline_at: number;
  readonly asked: number;
  readonly ask_at: number | null;
  readonly last_error: string | null;
}

/** The expectation of a row. */
export function expectationOf(row: Omit<ExpectationRow, "seq">): Expectation {
  return {
    jobId: row.job_id,
    patternId: row.pattern_id,
    deadlineAt: row.deadline_at,
    asked: row.asked,
    askAt: row.ask_at,
    lastError: row.last_error,
  };
}

/** A refused request without its body. */
export interface RejectionRow {
  readonly seq: number;
  readonly id: string;
  readonly received_at: number;
  readonly signature: string;
  readonly size: number;
}

/** A page, of rows that are one more than asked for where there is a next page. */
export function rejectionPageOf(rows: readonly RejectionRow[], limit: number): RejectionPage {
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  return {
    rejections: page.map(({ id, received_at: receivedAt, signature, size }) => ({
      id,
      receivedAt,
      signature,
      size,
    })),
    nextCursor: last ? String(last.seq) : null,
  };
}
