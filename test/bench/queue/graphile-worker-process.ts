// Works through jobs of graphile-worker; prints how many a second.
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import process from "node:process";

const [connectionString = "", count = "0", mode] = process.argv.slice(2);
const total = Number(count);
const logger = new Logger(() => () => {});
const utils = await makeWorkerUtils({ connectionString, logger });
await utils.migrate();
await utils.withPgClient(async (client) => {
  await client.query(
    `SELECT graphile_worker.add_jobs(array(SELECT json_populate_record(
      null::graphile_worker.job_spec,
      json_build_object('identifier', 'a', 'payload', json_build_object('text', repeat('x', 400)))
    ) FROM generate_series(1, ${total})))`,
  );
  await client.query("VACUUM ANALYZE");
});
await utils.release();

const batched = {
  preset: { worker: { localQueue: { size: 100 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
};
let done = 0;
const { promise: all, resolve } = Promise.withResolvers<void>();
const beganAt = performance.now();
const runner = await run({
  connectionString,
  concurrency: 10,
  noHandleSignals: true,
  logger,
  taskList: { a() {} },
  ...(mode === "batched" && batched),
});
runner.events.on("job:complete", () => void (++done === total && resolve()));
await all;
process.stdout.write(`${Math.round(total / (performance.now() - beganAt) * 1_000)}\n`, () => {
  process.exit(0);
});
