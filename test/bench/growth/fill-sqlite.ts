import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sqliteStorage } from "../../../src/storage/sqlite.ts";
import { deliverySql, eventSql, type Fill } from "./filled.ts";

/** Fills a SQLite file. */
export const fillSqlite: Fill = async (count, filling) => {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-bench-"));
  const path = join(folder, "events.db");
  const storage = sqliteStorage(path);
  await storage.ping();
  const database = new DatabaseSync(path);
  const beganAt = Date.now() - count;
  const event = eventSql(filling, "n");
  const delivery = deliverySql(filling, "n", count);
  database.exec(`
    BEGIN;
    CREATE TEMP TABLE numbers AS
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
      SELECT n FROM numbers WHERE n <= ${count};
    INSERT INTO events (seq, id, key, state, event, job_id, pattern_id, received_at, body)
      SELECT n, 'evt_' || n, ${event["key"]}, ${event["state"]}, ${event["event"]}, 'job_' || n,
        ${event["pattern_id"]}, ${beganAt} + n, CAST('${body}' AS BLOB) FROM numbers;
    INSERT INTO keys (key, event_id) SELECT key, id FROM events;
    INSERT INTO deliveries (event_seq, processor, due_at, state, last_error)
      SELECT n, 'a', ${beganAt} + n, ${delivery["state"]}, ${delivery["last_error"]} FROM numbers;
    COMMIT`);
  return {
    count,
    storage,
    holdOpen() {
      database.exec("BEGIN; SELECT count(*) FROM keys");
      return () => database.exec("COMMIT");
    },
    async dispose() {
      await storage.close();
      database.close();
      await rm(folder, { recursive: true });
    },
  };
};

const body = "x".repeat(400);
