// Works through jobs of pg-boss; prints how many a second.
import PgBoss from "pg-boss";
import process from "node:process";

const [connectionString = "", count = "0"] = process.argv.slice(2);
const total = Number(count);
const boss = new PgBoss({ connectionString, supervise: false, schedule: false });
await boss.start();
await boss.createQueue("a");
const data = { text: "x".repeat(400) };
for (let left = total; left > 0; left -= 1_000) {
  await boss.insert(Array.from({ length: Math.min(left, 1_000) }, () => ({ name: "a", data })));
}

let done = 0;
const { promise: all, resolve } = Promise.withResolvers<void>();
const beganAt = performance.now();
// The shortest wait between two fetches that it takes.
const options = { batchSize: 100, pollingIntervalSeconds: 0.5 };
for (let worker = 0; worker < 10; worker++) {
  await boss.work("a", options, (jobs) => {
    done += jobs.length;
    if (done === total) resolve();
    return Promise.resolve();
  });
}
await all;
process.stdout.write(`${Math.round(total / (performance.now() - beganAt) * 1_000)}\n`, () => {
  process.exit(0);
});
