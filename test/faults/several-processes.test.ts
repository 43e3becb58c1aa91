import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { type FaultFolder, newFaultFolder, postJob } from "../support/fault-server.ts";
import { listeningUrl, type Process } from "../support/process.ts";
import { isLong } from "./long.ts";

// Of the first deliveries a server that `HOLDS` finishes none until it is aborted.
const config = `import { appendFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
let held = 0;
export default {
  worker: { pollMs: 200 },
  processors: {
    async effect({ data: { job_id: job } }, { signal }) {
      const forever = process.env.HOLDS && held++ < 3;
      await pause(forever ? 60_000 : 20 * Math.random(), undefined, { signal });
      appendFileSync("effects.txt", job + "\\n");
    },
  },
};`;

interface Server {
  readonly process: Process;
  readonly url: string;
}

async function start(folder: FaultFolder, env: Record<string, string> = {}): Promise<Server> {
  const process = folder.start(env);
  return { process, url: await listeningUrl(process) };
}

test("many duplicates at once: 100 from 4 processes are one event, all are answered 200", async () => {
  const folder = await newFaultFolder(config);
  const servers = await Promise.all(Array.from({ length: 4 }, () => start(folder)));
  const sending = servers.flatMap(({ url }) =>
    Array.from({ length: 25 }, () => postJob(url, "job"))
  );
  const answers = await Promise.all(sending);
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(new Set(answers.map(({ body }) => body["id"])).size).toBe(1);
  expect(answers.filter(({ body }) => body["status"] === "received")).toHaveLength(1);
  // What runs is finished.
  for (const { process } of servers) expect(await process.end("SIGTERM")).toBe(0);
  expect([...(await folder.stored()).values()]).toMatchObject([
    { duplicates: 99, deliveries: [{ state: "succeeded", attempts: 1 }] },
  ]);
  expect(await folder.lines("effects.txt")).toEqual(["job"]);
});

test(
  "SIGTERM and SIGINT in a rolling deploy under load: nothing lost, nothing done twice, exit 0 within 4 s",
  async () => {
    const folder = await newFaultFolder(config);
    const old = await Promise.all([start(folder, { HOLDS: "1" }), start(folder, { HOLDS: "1" })]);
    const pool = [...old];
    const ids = new Map<string, unknown>();
    let deployed = false;
    let sent = 0;
    const sender = async () => {
      while (!deployed) {
        const job = `job-${sent++}`;
        // Once, as ImgGo does: it rejects where there is no answer.
        const { status, body } = await postJob(pool[sent % pool.length]!.url, job);
        expect(status).toBe(200);
        ids.set(job, body["id"]);
        await pause(isLong ? 1 : 25);
      }
    };
    const sending = Promise.all(Array.from({ length: 6 }, sender));
    sending.catch(() => {});
    const replace = async (server: Server, signal: NodeJS.Signals) => {
      await server.process.prints(/"delivery succeeded"/);
      pool.push(await start(folder));
      await pause(300 * Math.random());
      const startedAt = performance.now();
      const ended = server.process.end(signal);
      await server.process.prints(/"stopping"/);
      // A load balancer takes a moment to see it.
      await pause(150);
      pool.splice(pool.indexOf(server), 1);
      expect(await ended).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(4_000);
      expect(server.process.output()).toContain('"delivery given back"');
    };
    await Promise.all([replace(old[0]!, "SIGTERM"), replace(old[1]!, "SIGINT")]);
    deployed = true;
    await sending;
    const stateOf = async () =>
      new Set([...(await folder.stored()).values()].map(({ deliveries }) => deliveries[0]?.state));
    await expect.poll(stateOf).toEqual(new Set(["succeeded"]));
    for (const { process } of pool) expect(await process.end("SIGTERM")).toBe(0);

    const stored = await folder.stored();
    expect(sent).toBeGreaterThan(100);
    expect(new Map([...stored].map(([job, { id }]) => [job, id]))).toEqual(ids);
    expect((await folder.lines("effects.txt")).sort()).toEqual([...ids.keys()].sort());
    // Nothing was used up by the stop either.
    for (const { deliveries } of stored.values()) {
      expect(deliveries).toMatchObject([{ attempts: 1 }]);
    }
  },
  60_000,
);
