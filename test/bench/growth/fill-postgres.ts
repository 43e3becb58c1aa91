import pg from "pg";
import { postgresStorage } from "../../../src/storage/postgres.ts";
import { startPostgres } from "../../support/postgres-server.ts";
import { deliverySql, eventSql, type Fill } from "./filled.ts";

const schema = "imggo_webhooks";
const body = "x".repeat(400);

/** Fills a PostgreSQL server of its own. */
export const fillPostgres: Fill = async (count, filling) => {
  const server = await startPostgres();
  const pool = new pg.Pool({ connectionString: server.url, max: 2 });
  const storage = postgresStorage(pool);
  await storage.ping();
  const event = eventSql(filling, "n");
  const delivery = deliverySql(filling, "seq", count);
  const time = (n: string) => `now() - (${count} - ${n}) * interval '1 millisecond'`;
  await pool.query(`
    INSERT INTO ${schema}.events
        (id, key, state, origin, event, job_id, pattern_id, received_at, body)
      SELECT 'evt_' || n, ${event["key"]}, ${event["state"]}, 'webhook', ${event["event"]},
        'job_' || n, ${event["pattern_id"]}, ${time("n")}, '${body}'::bytea
      FROM generate_series(1, ${count}) n ORDER BY n;
    INSERT INTO ${schema}.keys (digest, event_id)
      SELECT ${schema}.digest_of(key), id FROM ${schema}.events;
    INSERT INTO ${schema}.deliveries (event_seq, processor, due_at, state, last_error)
      SELECT seq, 'a', ${time("seq")}, ${delivery["state"]}, ${delivery["last_error"]}
      FROM ${schema}.events ORDER BY seq`);
  await pool.query("VACUUM ANALYZE");
  return {
    count,
    storage,
    async holdOpen() {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
      await client.query(`SELECT count(*) FROM ${schema}.migrations`);
      return async () => {
        await client.query("COMMIT");
        await client.end();
      };
    },
    async dispose() {
      await storage.close();
      await pool.end();
      await server.dispose();
    },
  };
};
