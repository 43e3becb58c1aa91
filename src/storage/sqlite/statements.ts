import type { EventRow } from "../sql-rows.ts";
import type { EventState } from "../storage.ts";
import { historyWithLost, historyWithSuccess } from "./attempt-statements.ts";
import { endsOfJob, traceOfEvent } from "./shared-statements.ts";

/** The statements that only SQLite's own file takes: within a transaction, one after another. */
export const statements = {
  addKey: "INSERT INTO keys (key, event_id, origin) VALUES (?, ?, ?) ON CONFLICT (key) DO NOTHING",
  countDuplicate: `UPDATE keys SET duplicates = duplicates + (event_id <> ?) WHERE key = ?
    RETURNING event_id`,
  addEvent: `INSERT INTO events (id, key, state, event, job_id, pattern_id, received_at, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  addTrace: "INSERT INTO traces (event_seq, trace_parent) VALUES (?, ?)",
  // ?3: 1 of one that is claimed at once, as its first attempt; else 0.
  addDelivery: `INSERT INTO deliveries
    (event_seq, processor, state, attempts, fence, due_at, started_at)
    VALUES (?1, ?2, ?3, ?3, ?3, ?4, ?5)`,
  findOfJob: `${endsOfJob("?1", "?2")}`,
  supersede: "UPDATE events SET state = 'superseded' WHERE seq = ?",
  withdraw: "DELETE FROM deliveries WHERE event_seq = ? AND state IN (0, 3)",
  withdrawOne: "DELETE FROM deliveries WHERE event_seq = ? AND processor = ?",
  anyDue: "SELECT 1 FROM deliveries WHERE processor = ? AND state < 2 AND due_at <= ? LIMIT 1",
  due: `SELECT event_seq, processor, attempts, fence FROM deliveries
    WHERE processor = ? AND state < 2 AND due_at <= ? ORDER BY due_at, event_seq LIMIT ?`,
  claimedEvent: `SELECT id, state, received_at, body, ${traceOfEvent} FROM events WHERE seq = ?`,
  claim: `UPDATE deliveries SET state = 1, attempts = attempts + 1, fence = fence + 1,
    due_at = ?, started_at = ?, history = ${historyWithLost}
    WHERE event_seq = ? AND processor = ?`,
  exhaust:
    `UPDATE deliveries SET state = 3, due_at = ?, last_error = ?, history = ${historyWithLost}
    WHERE event_seq = ? AND processor = ?`,
  eventOfLease: "SELECT seq, state FROM events WHERE id = ?",
  expireKey: "UPDATE keys SET expires_at = ? WHERE key = (SELECT key FROM events WHERE seq = ?)",
  deleteTrace: "DELETE FROM traces WHERE event_seq = ?",
  deleteDeliveries: "DELETE FROM deliveries WHERE event_seq = ?",
  deleteEvent: "DELETE FROM events WHERE seq = ?",
  addDue: `INSERT INTO deliveries (event_seq, processor, due_at) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET state = 0, attempts = 0, due_at = excluded.due_at,
      history = ${historyWithSuccess} WHERE state > 1`,
};

/** What the rows of those that give any hold. */
export interface Rows {
  countDuplicate: { readonly event_id: string };
  compareEvent: { readonly state: EventState; readonly identical: 0 | 1 };
  findOfJob: { readonly seq: number };
  anyDue: { readonly 1: 1 };
  due: {
    readonly event_seq: number;
    readonly processor: string;
    readonly attempts: number;
    readonly fence: number;
  };
  claimedEvent: {
    readonly id: string;
    readonly state: EventState;
    readonly received_at: number;
    readonly trace_parent: string | null;
    readonly body: Uint8Array<ArrayBuffer>;
  };
  eventOfLease: { readonly seq: number; readonly state: EventState };
  event: EventRow;
  page: EventRow;
  deliveries: {
    readonly processor: string;
    readonly state: 0 | 1 | 2 | 3;
    readonly attempts: number;
    readonly due_at: number;
    readonly last_error: string | null;
  };
  body: { readonly body: Uint8Array<ArrayBuffer> };
  prunable: { readonly seq: number };
  ping: Readonly<Record<string, number>>;
}
