// Receivers and workers in processes of their own, of all runtimes, over one PostgreSQL. A worker is
// killed and the database is started again while events come. `npm run test:cluster` does it with
// 10,000 events, or as many as CLUSTER_EVENTS says, and prints its figures.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { sign } from "imggo-webhooks";
import { expect, onTestFinished, test } from "vitest";
import { openPool } from "./support/postgres-clients.ts";
import { startPostgres } from "./support/postgres-server.ts";
import { listeningUrl, type Process, root, runtimes, startProcess } from "./support/process.ts";

const given = process.env["CLUSTER_EVENTS"];
const events = Number(given ?? 1_000);
const senders = 32;
const secret = "a secret of 25 characters";

// `effect` fails where it is committed twice. A lease ends soon, so that what ran in the worker that
// was killed is soon run again; and no attempt too many is made while the database is away.
const config = `
import { setTimeout as pause } from "node:timers/promises";
import { transactional } from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)};
export default {
  worker: { leaseMs: 2_000, pollMs: 200, maxAttempts: 30, backoff: { firstMs: 50, maxMs: 500 } },
  processors: {
    effect: transactional((event, { id, sql }) =>
      sql.query("INSERT INTO effects (event_id) VALUES ($1)", [id])),
    plain: () => pause(5),
  },
};
`;

/** What the sender saw. */
interface Sent {
  /** The id by which each job's event was acknowledged. */
  readonly ids: ReadonlyMap<number, string>;
  /** How many requests were answered as duplicates. */
  readonly duplicates: number;
  /** How many requests were not answered 200, and made again. */
  readonly repeated: number;
}

/**
 * Sends an event of each job, and of each tenth a second time, at once or later, to one URL after
 * another: until it is answered 200.
 */
async function sendAll(urls: readonly string[], onAcknowledged: (count: number) => void) {
  const jobs = Array.from({ length: events }, (_, job) => job);
  const queue = jobs.flatMap((job) => job % 20 === 0 ? [job, job] : [job]);
  for (let job = 10; job < events; job += 20) queue.push(job);
  const ids = new Map<number, string>();
  let duplicates = 0;
  let repeated = 0;
  let next = 0;

  const send = async (job: number, url: string): Promise<boolean> => {
    const body = `{"event":"job.completed","job_id":"job-${job}","result":{"number":${job}}}`;
    const headers = { "X-ImgGo-Signature": await sign(body, secret) };
    try {
      const response = await fetch(url, { method: "POST", headers, body });
      const answer = await response.json() as { id: string; status: string };
      if (response.status !== 200) return false;
      // Whoever asks again is told of the same event.
      expect(answer.id).toBe(ids.get(job) ?? answer.id);
      if (answer.status === "duplicate") duplicates++;
      ids.set(job, answer.id);
      onAcknowledged(ids.size);
      return true;
    } catch (error) {
      // What `fetch` throws: no answer.
      if (error instanceof TypeError) return false;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: senders }, async () => {
    while (next < queue.length) {
      const at = next++;
      for (let turn = at; !await send(queue[at]!, urls[turn % urls.length]!); turn++) repeated++;
    }
  }));
  return { ids, duplicates, repeated } satisfies Sent;
}

/** The deliveries that a worker logged as succeeded. */
function succeededIn(worker: Process): string[] {
  return worker.output().split("\n")
    // The last line of one that was killed may be cut off.
    .filter((line) => line.includes('"delivery succeeded"') && line.endsWith("}"))
    .map((line) => JSON.parse(line) as { id: string; processor: string })
    .map(({ id, processor }) => `${id} ${processor}`);
}

test("a cluster loses nothing and does nothing twice, whatever of it is killed", async () => {
  const server = await startPostgres();
  const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  onTestFinished(async () => {
    await server.dispose();
    await rm(cwd, { recursive: true });
  });
  const database = openPool(server.url, { max: 1 });
  const query = async (text: string) => (await database.query(text)).rows;
  await query("CREATE TABLE effects (event_id text PRIMARY KEY)");
  await writeFile(join(cwd, "imggo.config.mjs"), config);
  const start = (runtime: keyof typeof runtimes, role: string) =>
    startProcess([...runtimes[runtime], `${root}src/entry/${runtime}.ts`], {
      cwd,
      env: {
        WEBHOOK_SECRET: secret,
        STORAGE_URL: server.url,
        ROLE: role,
        HOST: "127.0.0.1",
        PORT: "0",
      },
    });

  const receivers = [start("node", "receiver"), start("bun", "receiver")];
  const killed = start("node", "worker");
  const survivor = start("deno", "worker");
  const urls = await Promise.all(receivers.map(listeningUrl));
  await Promise.all([killed, survivor].map(listeningUrl));

  const startedAt = performance.now();
  let restarted: Promise<void> | undefined;
  const sent = await sendAll(urls, (count) => {
    if (count === Math.floor(events / 4)) killed.child.kill("SIGKILL");
    if (count === Math.floor(events / 2)) restarted ??= server.stop().then(server.start);
  });
  const sentWithin = performance.now() - startedAt;
  await restarted;
  expect(await killed.ended).toBe("SIGKILL");
  await expect.poll(
    () => query("SELECT count(*)::int AS open FROM imggo_webhooks.deliveries WHERE state <> 2"),
    { timeout: 60_000, interval: 200 },
  ).toEqual([{ open: 0 }]);
  const doneWithin = performance.now() - startedAt;

  for (const each of [...receivers, survivor]) {
    expect(await each.end("SIGTERM"), each.output().slice(-2_000)).toBe(0);
  }
  const stored = await query("SELECT id, job_id, state FROM imggo_webhooks.events") as {
    id: string;
    job_id: string;
    state: string;
  }[];
  expect(sent.ids.size).toBe(events);
  expect(new Map(stored.map(({ id, job_id }) => [job_id, id]))).toEqual(
    new Map([...sent.ids].map(([job, id]) => [`job-${job}`, id])),
  );
  expect(stored).toHaveLength(events);
  expect(new Set(stored.map(({ state }) => state))).toEqual(new Set(["accepted"]));

  const deliveries = await query(`SELECT processor, count(*)::int, sum((attempts > 1)::int)::int
    AS again FROM imggo_webhooks.deliveries WHERE state = 2 GROUP BY 1 ORDER BY 1`) as {
    again: number;
  }[];
  expect(deliveries).toMatchObject([
    { processor: "effect", count: events },
    { processor: "plain", count: events },
  ]);
  expect(await query("SELECT count(*)::int FROM effects")).toEqual([{ count: events }]);
  const succeeded = [killed, survivor].flatMap(succeededIn);
  expect(succeeded.length).toBeGreaterThan(events);
  expect(new Set(succeeded).size).toBe(succeeded.length);

  // It was not all too easy.
  const again = deliveries.reduce((sum, each) => sum + each.again, 0);
  expect(again).toBeGreaterThan(0);
  const [{ counted }] = await query(
    "SELECT sum(duplicates)::int AS counted FROM imggo_webhooks.keys",
  ) as [{ counted: number }];
  expect(sent.duplicates).toBeGreaterThan(0);
  expect(counted).toBeGreaterThanOrEqual(sent.duplicates);
  await database.end();
  if (given !== undefined) {
    console.log({
      events,
      sentPerSecond: Math.round(1_000 * events / sentWithin),
      donePerSecond: Math.round(1_000 * events / doneWithin),
      duplicates: sent.duplicates,
      repeatedRequests: sent.repeated,
      deliveriesRunAgain: again,
    });
  }
}, 300_000);
