import { expect, test } from "vitest";
import { newFaultFolder, postJob } from "../support/fault-server.ts";
import { listeningUrl } from "../support/process.ts";

const maxAttempts = 2;

const config = `import { appendFileSync } from "node:fs";
export default {
  worker: { leaseMs: 300, pollMs: 50, maxAttempts: ${maxAttempts} },
  processors: {
    work({ data: { job_id: job } }) {
      appendFileSync("runs.txt", job + "\\n");
      if (job === "poison") process.abort();
    },
  },
};`;

test("poison: a processor that ends its process is dead at the last attempt, and never run again", async () => {
  const { start, stored, lines } = await newFaultFolder(config);
  let server = start();
  // The answer may be lost with the process; the event is stored before it.
  await postJob(await listeningUrl(server), "poison").catch(() => {});
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    expect(await server.ended).toBe("SIGABRT");
    server = start();
  }
  const url = await listeningUrl(server);
  await server.prints(/"delivery dead"[^\n]*"error":"The last attempt never ended\."/);
  expect((await postJob(url, "sound")).status).toBe(200);
  await server.prints(/"delivery succeeded"/);
  expect(await server.end("SIGTERM")).toBe(0);

  expect(await lines("runs.txt")).toEqual(["poison", "poison", "sound"]);
  expect((await stored()).get("poison"))
    .toMatchObject({ deliveries: [{ state: "dead", attempts: maxAttempts }] });
});
