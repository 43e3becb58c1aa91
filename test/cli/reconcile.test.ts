import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sign, type Storage } from "imggo-webhooks";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { type Finished, runCli, startCli } from "../support/command-line.ts";
import { type ImgGoService, startImgGoService } from "../support/imggo-service.ts";
import { prepareStorage } from "../support/prepared-storage.ts";
import { toBytes } from "../support/wire.ts";

const secret = "7h3Qz0pXw9LkV2rB5nYt8mJd";

let folder: string;
let service: ImgGoService;
let env: Record<string, string>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  service = await startImgGoService();
  env = {
    STORAGE_URL: "sqlite:events.db",
    IMGGO_API_KEY: service.apiKey,
    IMGGO_BASE_URL: service.baseUrl,
  };
  await writeFile(
    join(folder, "imggo.config.mjs"),
    `export default { processors: { own() { console.log("must not run here"); } } };`,
  );
});
afterEach(async () => {
  await service.close();
  await rm(folder, { recursive: true });
});

const run = async (...args: readonly string[]): Promise<Finished> => {
  const finished = await runCli(args, { cwd: folder, env });
  expect(finished.output).not.toMatch(/^\s+at |must not run/m);
  return finished;
};
const objects = ({ lines }: Finished) =>
  lines.filter((line) => line !== "").map((line) => JSON.parse(line));

async function inStorage<T>(work: (storage: Storage) => Promise<T>): Promise<T> {
  const storage = sqliteStorage(join(folder, "events.db"));
  try {
    return await work(storage);
  } finally {
    await storage.close();
  }
}

const endedJob = () =>
  service.addJob({
    status: "succeeded",
    result: { total: 12.5 },
    endedAt: new Date().toISOString(),
  });

describe("expect", () => {
  test("awaits jobs, and says of one that has ended that it has", async () => {
    await prepareStorage(join(folder, "events.db"), [{ jobId: "job_1", processors: ["own"] }]);
    const { code, lines } = await run("expect", "job_1", "job_2", "--pattern", "pat_1");
    expect({ code, lines }).toEqual({
      code: 0,
      lines: ["job_1 has ended already", "job_2 is awaited"],
    });
    const { output } = await run("expect", "job_3", "--deadline", "2h", "--json");
    expect(JSON.parse(output)).toEqual({ job_id: "job_3", state: "waiting" });
    const { expectations } = await inStorage(({ expectations }) => expectations.list({ limit: 9 }));
    expect(expectations).toMatchObject([
      { jobId: "job_2", patternId: "pat_1" },
      { jobId: "job_3", patternId: null },
    ]);
    const [two = 0, three = 0] = expectations.map(({ deadlineAt }) => deadlineAt - Date.now());
    expect(Math.round(two / 60_000)).toBe(10);
    expect(Math.round(three / 60_000)).toBe(120);
  });

  test.each([
    [["expect"]],
    [["expect", "job_1", "--deadline", "soon"]],
    [["expect", "job_1", "--deadline", "9999d"]],
    [["expect", "job\u0001"]],
    [["expect", "job_1", "--config", "odd.mjs"]],
    [["reconcile", "--job", "job\u0001"]],
    [["reconcile", "--since", "soon"]],
  ])("ends with 2: %j", async (args) => {
    await prepareStorage(join(folder, "events.db"), []);
    await writeFile(join(folder, "odd.mjs"), "export default { processors: { a: 5 } };");
    expect((await run(...args)).code).toBe(2);
  });
});

describe("reconcile", () => {
  test("stores the ends of named jobs, for processors that a server runs", async () => {
    await prepareStorage(join(folder, "events.db"), []);
    const [ended, running] = [endedJob(), service.addJob()];
    const dry = await run("reconcile", "--job", ended.id, "--dry-run");
    expect(dry).toMatchObject({
      code: 0,
      output: expect.stringContaining(`to be stored  ${ended.id}`),
    });
    expect((await inStorage((storage) => storage.stats())).events.accepted).toBe(0);

    const finished = await run("reconcile", "--job", ended.id, running.id, "--json");
    expect(finished.code).toBe(0);
    expect(objects(finished)).toEqual([
      {
        job_id: ended.id,
        outcome: "stored",
        asked: true,
        event_id: expect.stringMatching(/^evt_/),
        error: null,
      },
      { job_id: running.id, outcome: "running", asked: true, event_id: null, error: null },
    ]);
    const id = objects(finished)[0].event_id;
    expect(await inStorage((storage) => storage.get(id))).toMatchObject({
      origin: "reconcile",
      state: "accepted",
      jobId: ended.id,
      deliveries: [{ processor: "own", state: "pending" }],
    });
    const again = await run("reconcile", "--job", ended.id);
    expect(again).toMatchObject({ code: 0, lines: [`known  ${ended.id}  ${id}`, "1 known"] });
  });

  test("asks for what is overdue, and for all since a time", async () => {
    const [one, other] = [endedJob(), endedJob()];
    await prepareStorage(join(folder, "events.db"), [], { overdue: [one.id] });
    const overdue = await run("reconcile");
    expect(overdue).toMatchObject({ code: 0 });
    expect(overdue.lines.at(-1)).toBe("1 stored");
    const since = await run("reconcile", "--since", "1h");
    expect(since.output).toContain(`stored  ${other.id}`);
    expect(since.lines.at(-1)).toBe("1 known, 1 stored");
    expect((await run("reconcile")).output).toBe("No job is to be asked for.\n");
  });

  test("says how many of a list cannot be read, and ends with 1", async () => {
    await prepareStorage(join(folder, "events.db"), []);
    service.addJob({ status: "cancelled" as "queued" });
    const { code, errors } = await run("reconcile", "--since", "1h");
    expect({ code, errors }).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/^1 job of ImgGo's list cannot be read/),
    });
  });

  test("ends with 1 where a job is not known, or jobs cannot be listed", async () => {
    await prepareStorage(join(folder, "events.db"), []);
    const unknown = await run("reconcile", "--job", crypto.randomUUID());
    expect(unknown).toMatchObject({ code: 1, output: expect.stringMatching(/^unknown {2}/) });
    service.mayListJobs = false;
    const refused = await run("reconcile", "--since", "1h", "--json");
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.errors)).toEqual({
      error: expect.stringMatching(/^ImgGo does not list jobs to this API key\./),
    });
  });

  test("ends with 2 without a key", async () => {
    await prepareStorage(join(folder, "events.db"), []);
    env = { STORAGE_URL: "sqlite:events.db" };
    expect(await run("reconcile")).toMatchObject({
      code: 2,
      output: expect.stringMatching(/IMGGO_API_KEY: expected the API key/),
    });
  });

  test("stops at SIGINT, and says so", async () => {
    await prepareStorage(join(folder, "events.db"), []);
    service.faults.push({ kind: "hang" });
    const process = startCli(["reconcile", "--job", "job_1"], { cwd: folder, env });
    await expect.poll(() => service.requests.length).toBe(1);
    expect(await process.end("SIGINT")).toBe(1);
    expect(process.output()).toMatch(/^Stopped: /m);
    expect(process.output()).not.toMatch(/^\s+at /m);
  });
});

describe("rejections reverify", () => {
  const reject = async (id: string, signer: string, jobId: string) => {
    const body = toBytes({ event: "job.succeeded", data: { job_id: jobId, result: {} } });
    const signature = (await sign(body, signer)).replace("sha256=", "");
    await inStorage((storage) =>
      storage.rejections.add(
        { id, receivedAt: 1_700_000_000_000, signature, body },
        { maxCount: 100, maxBytes: 1_000_000, maxAgeMs: 3_600_000 },
      )
    );
  };

  test("takes what passes by the secrets of now, and keeps the rest", async () => {
    await reject("rej_1", secret, "job_1");
    await reject("rej_2", "another secret of others", "job_2");
    await reject("rej_3", secret, "job_1");
    await reject("rej_4", "the secret before this one", "job_4");
    env = {
      ...env,
      WEBHOOK_SECRET: secret,
      WEBHOOK_SECRET_PREVIOUS: "the secret before this one",
    };
    const { code, output } = await run("rejections", "reverify", "--json");
    expect({ code, ...JSON.parse(output) })
      .toEqual({ code: 0, checked: 4, accepted: 2, duplicates: 1, left: 1, complete: true });
    const { events, rejections } = await inStorage(async (storage) => ({
      events: (await storage.list({ limit: 9 })).events,
      rejections: (await storage.stats()).rejections,
    }));
    expect(events).toMatchObject([
      { jobId: "job_4", receivedAt: 1_700_000_000_000, deliveries: [{ processor: "own" }] },
      { jobId: "job_1", receivedAt: 1_700_000_000_000, deliveries: [{ processor: "own" }] },
    ]);
    expect(rejections).toBe(1);
    expect(await run("rejections", "reverify")).toMatchObject({
      code: 0,
      output: "1 checked: 0 accepted, 0 duplicates, 1 still not signed by a secret of now\n",
    });
  });

  test("ends with 2 without a secret", async () => {
    await prepareStorage(join(folder, "events.db"), []);
    expect(await run("rejections", "reverify")).toMatchObject({
      code: 2,
      output: expect.stringMatching(/WEBHOOK_SECRET: expected the secret/),
    });
  });
});
