// A process of its own at a SQLite file, run by a test. `accept <file>` stores event after event,
// and runs some, until it is killed. `race <file> <count>` stores the events of as many jobs, which
// others store at the same time, and runs what it can claim. Both print what was acknowledged.
import process from "node:process";
import { sqliteStorage } from "../../src/storage/sqlite.ts";
import { newEvent } from "./new-event.ts";

const [task, file = "", count = "0"] = process.argv.slice(2);
const storage = sqliteStorage(file, { busyTimeoutMs: 15_000 });
const request = { processors: ["a"], limit: 3, leaseMs: 60_000, maxAttempts: 3 };

console.log("ready");
if (task === "accept") {
  for (let job = 0;; job++) {
    const { id } = await storage.accept(await newEvent());
    console.log(`stored ${id}`);
    if (job === 30) console.log("busy");
    if (job % 4 > 0) continue;
    for (const claim of (await storage.claim({ ...request, limit: 1 })).claims) {
      if (await storage.settle(claim, { kind: "succeeded" })) console.log(`done ${claim.eventId}`);
    }
  }
}
for (let job = 0; job < Number(count); job++) {
  const event = await newEvent({ jobId: `job_${job}` });
  const { id, duplicate } = await storage.accept(event);
  console.log(`${duplicate ? "knows" : "stored"} ${id}`);
}
for (let idle = false; !idle;) {
  const { claims } = await storage.claim(request);
  for (const claim of claims) {
    if (await storage.settle(claim, { kind: "succeeded" })) console.log(`done ${claim.eventId}`);
  }
  idle = claims.length === 0;
}
await storage.close();
