/// <reference lib="deno.ns" />
/// <reference lib="deno.unstable" />
// A process of its own at a file of Deno KV, run by a test: `<file> <count>` stores the events of as
// many jobs, which others store at the same time, and runs what it can claim. It prints what was
// acknowledged.
import { denoKvStorage } from "../../src/storage/deno-kv.ts";
import { newEvent } from "./new-event.ts";

const [file, count] = Deno.args;
const kv = await Deno.openKv(file);
const storage = denoKvStorage(kv);

const run = async () => {
  const request = { processors: ["a"], limit: 3, leaseMs: 60_000, maxAttempts: 3 };
  const { claims } = await storage.claim(request);
  for (const claim of claims) {
    if (await storage.settle(claim, { kind: "succeeded" })) console.log(`done ${claim.eventId}`);
  }
  return claims.length;
};

for (let job = 0; job < Number(count); job++) {
  const { id, duplicate } = await storage.accept(await newEvent({ jobId: `job_${job}` }));
  console.log(`${duplicate ? "knows" : "stored"} ${id}`);
  if (job % 4 === 0) await run();
}
while (await run() > 0);
kv.close();
