// A receiver with a spool, whose PostgreSQL is stopped while events come. `npm run test:outage` stops
// it for 30 s, or as many as OUTAGE_SECONDS says, and prints its figures.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import { sign } from "imggo-webhooks";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { startPostgres } from "./support/postgres-server.ts";
import { listeningUrl, root, runtimes, startProcess } from "./support/process.ts";

const given = process.env["OUTAGE_SECONDS"];
const seconds = Number(given ?? 3);
const perSecond = 100;
const secret = "a secret of 25 characters";

// It fails where an event is run twice.
const config = `
import { transactional } from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)};
export default {
  worker: { leaseMs: 2_000, pollMs: 200, maxAttempts: 30, backoff: { firstMs: 50, maxMs: 500 } },
  processors: {
    effect: transactional((event, { id, sql }) =>
      sql.query("INSERT INTO effects (event_id) VALUES ($1)", [id])),
  },
};
`;

test("a database that is away costs no answer and no event, where there is a spool", async () => {
  const server = await startPostgres();
  const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  onTestFinished(async () => {
    await server.dispose();
    await rm(cwd, { recursive: true });
  });
  const database = new pg.Pool({ connectionString: server.url, max: 1 });
  database.on("error", () => {});
  const query = async (text: string) => (await database.query(text)).rows;
  await query("CREATE TABLE effects (event_id text PRIMARY KEY)");
  await writeFile(join(cwd, "imggo.config.mjs"), config);
  const receiver = startProcess([...runtimes.node, `${root}src/entry/node.ts`], {
    cwd,
    env: {
      WEBHOOK_SECRET: secret,
      STORAGE_URL: server.url,
      SPOOL_URL: "sqlite:./spool.db",
      HOST: "127.0.0.1",
      PORT: "0",
    },
  });
  const url = await listeningUrl(receiver);

  const ids = new Map<number, string>();
  const statuses: number[] = [];
  const times: number[] = [];
  const send = async (job: number) => {
    const body = `{"event":"job.completed","job_id":"job-${job}","result":${job}}`;
    const headers = { "X-ImgGo-Signature": await sign(body, secret) };
    const startedAt = performance.now();
    const response = await fetch(url, { method: "POST", headers, body });
    statuses.push(response.status);
    times.push(performance.now() - startedAt);
    ids.set(job, (await response.json() as { id: string }).id);
  };
  const sending: Promise<void>[] = [];
  /** Sends at a steady rate, whatever the answers do, as the jobs of ImgGo end. */
  const sendFor = async (duration: number) => {
    const startedAt = performance.now();
    const before = sending.length;
    while (performance.now() - startedAt < duration * 1_000) {
      const wanted = before + (performance.now() - startedAt) / 1_000 * perSecond;
      while (sending.length < wanted) sending.push(send(sending.length));
      await pause(10);
    }
  };

  await sendFor(1);
  await server.stop();
  await sendFor(seconds);
  const ready = await fetch(new URL("/readyz", url));
  expect([ready.status, await ready.json()]).toEqual([200, { status: "ready", spooling: true }]);
  await server.start();
  const backAt = performance.now();
  await sendFor(1);
  await Promise.all(sending);

  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(Math.max(...times)).toBeLessThan(5_000);
  await receiver.prints(/"the storage is back/);
  const movedWithin = performance.now() - backAt;
  const states = "SELECT state, count(*)::int FROM imggo_webhooks.deliveries GROUP BY 1";
  await expect.poll(() => query(states), { timeout: 60_000, interval: 200 })
    .toEqual([{ state: 2, count: sending.length }]);
  expect(await receiver.end("SIGTERM"), receiver.output().slice(-2_000)).toBe(0);

  const stored = await query("SELECT id, job_id FROM imggo_webhooks.events") as {
    id: string;
    job_id: string;
  }[];
  expect(new Map(stored.map(({ id, job_id }) => [job_id, id]))).toEqual(
    new Map([...ids].map(([job, id]) => [`job-${job}`, id])),
  );
  expect(await query("SELECT count(*)::int FROM effects")).toEqual([{ count: sending.length }]);
  await database.end();
  if (given !== undefined) {
    const slowest = Math.round(Math.max(...times));
    console.log({ sent: sending.length, slowestAnswerMs: slowest, movedWithinMs: movedWithin });
  }
}, 300_000);
