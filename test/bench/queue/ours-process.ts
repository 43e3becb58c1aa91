// Works through events that are stored already; prints how many a second.
import pg from "pg";
import process from "node:process";
import { createWorker } from "../../../src/worker.ts";
import { observerOf } from "../../../src/telemetry.ts";
import { postgresStorage } from "../../../src/storage/postgres.ts";
import { newEvent } from "../../support/new-event.ts";

const [url = "", count = "0"] = process.argv.slice(2);
const total = Number(count);
const pool = new pg.Pool({ connectionString: url, max: 10 });
const storage = postgresStorage(pool);
await storage.ping();
let next = 0;
const fill = async () => {
  while (next < total) {
    await storage.accept(await newEvent({ jobId: `job_${next++}`, processors: ["a"] }));
  }
};
await Promise.all(Array.from({ length: 50 }, fill));
await pool.query("VACUUM ANALYZE");

let done = 0;
const { promise: all, resolve } = Promise.withResolvers<void>();
const observer = observerOf([{ attempted: () => void (++done === total && resolve()) }]);
const worker = createWorker({ storage, processors: { a() {} }, observer }, { concurrency: 10 });
const beganAt = performance.now();
worker.start();
await all;
process.stdout.write(`${Math.round(total / (performance.now() - beganAt) * 1_000)}\n`, () => {
  process.exit(0);
});
