import { Command } from "commander";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createReceiver, sign, type Storage } from "imggo-webhooks";
import { admin } from "imggo-webhooks/admin";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { addEvents } from "../../src/cli/events.ts";
import { addExpect } from "../../src/cli/expect.ts";
import { addReconcile } from "../../src/cli/reconcile.ts";
import { addRedrive } from "../../src/cli/redrive.ts";
import { addRejections } from "../../src/cli/rejections.ts";
import { addStats } from "../../src/cli/stats.ts";
import { listen } from "../../src/entry/listen/node.ts";
import type { Server } from "../../src/entry/listen/listen.ts";
import { type Finished, runCli } from "../support/command-line.ts";
import { prepareStorage } from "../support/prepared-storage.ts";
import { toBytes } from "../support/wire.ts";

const token = "canary token of 24 characters";
const secret = "the secret of the running server";

let folder: string;
let storage: Storage;
let server: Server;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  const file = join(folder, "events.db");
  await prepareStorage(file, [
    { id: "evt_1", jobId: "job_1", processors: ["a"], outcomes: { a: "succeeded" } },
    { id: "evt_2", processors: ["a", "b"], outcomes: { b: "dead" }, failures: 2, patternId: "p&q" },
    {
      id: "evt_3",
      state: "quarantined",
      event: null,
      jobId: null,
      key: "quarantined:3",
      body: toBytes({ event: "job.succeeded", data: { job_id: 5 } }),
    },
    { id: "evt_4", state: "ignored", key: "ignored:4", body: new Uint8Array([0, 0xff, 0x0a]) },
  ], { overdue: ["job_late"], activity: { accepted: 4, dead: 1 } });
  storage = sqliteStorage(file);
  for (const [id, signer] of [["rej_1", secret], ["rej_2", "another secret of others"]] as const) {
    const body = toBytes({ event: "job.succeeded", data: { job_id: id, result: {} } });
    const signature = (await sign(body, signer)).replace("sha256=", "");
    await storage.rejections.add(
      { id, receivedAt: Date.now(), signature, body },
      { maxCount: 10, maxBytes: 10_000, maxAgeMs: 3_600_000 },
    );
  }
  await writeFile(join(folder, "own.mjs"), "export default { processors: { a() {}, b() {} } };");
  const receiver = createReceiver({
    secret,
    storage,
    basePath: "/hooks",
    role: "receiver",
    processors: { a() {}, b() {} },
    plugins: [admin({ token })],
  });
  server = await listen(receiver, { hostname: "127.0.0.1", port: 0 });
  url = `http://127.0.0.1:${server.port}/hooks`;
});
afterAll(async () => {
  await server.close();
  await storage.close();
  await rm(folder, { recursive: true });
});

/** Runs a verb, which never prints the token. */
async function run(
  args: readonly string[],
  env: Record<string, string> = {},
  cwd: string = folder,
): Promise<Finished> {
  const finished = await runCli(args, { cwd, env });
  expect(finished.output).not.toMatch(/canary|^\s+at /m);
  return finished;
}

/** What was printed, whenever that was. */
const timeless = ({ code, output }: Finished) => ({
  code,
  output: output.replace(/just now|\d+ (?:second|minute)s? ago/g, "lately").replace(/ {2,}/g, "  "),
});

const overServer = (...args: readonly string[]) =>
  run([...args, "--server", url], { ADMIN_TOKEN: token });

describe("a verb prints of a running receiver what it prints of its storage", () => {
  test.each([
    [["events", "list"]],
    [["events", "list", "--json", "--limit", "3"]],
    [["events", "list", "--json", "--pattern", "p&q", "--since", "2026-01-01"]],
    [["events", "list", "--cursor", "nothing"]],
    [["events", "get", "evt_2"]],
    [["events", "get", "evt_3", "--json"]],
    [["events", "get", "evt_\u001b9"]],
    [["events", "body", "evt_4", "--json"]],
    [["events", "redeliver", "evt_3", "--json"]],
    [["events", "redeliver", "evt_1", "--processor", "nobody"]],
    [["redrive", "--dry-run", "--json", "--processor", "b"]],
    [["stats"]],
    [["rejections", "list", "--json", "--limit", "1"]],
    [["expect", "job_1", "job\u0001"]],
  ])("%j", async (args) => {
    const [local, remote] = await Promise.all([
      run([...args, "--config", "own.mjs"], { STORAGE_URL: "sqlite:events.db" }),
      overServer(...args),
    ]);
    expect(timeless(remote)).toEqual(timeless(local));
  });

  test("events get prints the attempts of a delivery that took more than one", async () => {
    const { lines } = await overServer("events", "get", "evt_2");
    const at = lines.findIndex((line) => line.startsWith("PROCESSOR  ATTEMPT"));
    expect(lines.slice(at, at + 5).map((line) => line.trim().split(/ {2,}/))).toEqual([
      ["PROCESSOR", "ATTEMPT", "ENDED AS", "STARTED", "TOOK", "ERROR"],
      ["b", "1", "retry", expect.any(String), expect.stringMatching(/ m?s$/), "Error: it broke"],
      ["b", "2", "retry", expect.any(String), expect.stringMatching(/ m?s$/), "Error: it broke"],
      ["b", "3", "dead", expect.any(String), expect.stringMatching(/ m?s$/), "Error: it broke"],
      [""],
    ]);
    expect((await overServer("events", "get", "evt_1")).output).not.toContain("ATTEMPT ");
  });
});

describe("a verb does with a running receiver", () => {
  test("redeliver, redrive, reverify and expect", async () => {
    const redelivered = await overServer("events", "redeliver", "evt_1");
    expect(redelivered).toMatchObject({ code: 0, output: "evt_1 is due again: a\n" });
    const redriven = await overServer("redrive", "--json");
    expect(JSON.parse(redriven.output)).toEqual({ count: 1, dry_run: false, remaining: 0 });
    expect((await storage.stats()).deliveries).toMatchObject({ pending: 3, dead: 0 });

    const reverified = await overServer("rejections", "reverify");
    expect(reverified).toMatchObject({
      code: 0,
      output: "2 checked: 1 accepted, 0 duplicates, 1 still not signed by a secret of now\n",
    });
    expect((await storage.list({ limit: 9, jobId: "rej_1" })).events).toHaveLength(1);

    const expected = await overServer("expect", "job_1", "job_9", "--deadline", "1h");
    expect(expected).toMatchObject({
      code: 0,
      lines: ["job_1 has ended already", "job_9 is awaited"],
    });
    const { expectations } = await storage.expectations.list({ limit: 9 });
    expect(expectations.map(({ jobId }) => jobId)).toEqual(["job_late", "job_9"]);
  });
});

describe("a receiver that has no time for all at once", () => {
  /** A server that gives these answers in turn, and keeps what it was asked. */
  const answersInTurn = async (answers: readonly object[]) => {
    const asked: unknown[] = [];
    const busy = await listen({
      async fetch(request) {
        asked.push(await request.json());
        return Response.json(answers[asked.length - 1]);
      },
    }, { hostname: "127.0.0.1", port: 0 });
    onTestFinished(() => busy.close());
    const verb = (...args: readonly string[]) =>
      run([...args, "--json", "--server", `http://127.0.0.1:${busy.port}`], { ADMIN_TOKEN: token });
    return { asked, verb };
  };

  test("is asked to go on by rejections reverify, from where it was", async () => {
    const part = { checked: 20, accepted: 5, duplicates: 1, left: 14 };
    const { asked, verb } = await answersInTurn([
      { ...part, complete: false, next_cursor: "20" },
      { ...part, complete: false, next_cursor: "40" },
      { ...part, complete: true, next_cursor: null },
    ]);
    const { code, output } = await verb("rejections", "reverify");
    expect({ code, ...JSON.parse(output) })
      .toEqual({ code: 0, checked: 60, accepted: 15, duplicates: 3, left: 42, complete: true });
    expect(asked).toEqual([{}, { cursor: "20" }, { cursor: "40" }]);
  });

  test("is asked to go on by redrive, for no more than were dead at first", async () => {
    const part = { count: 4_000, dry_run: false, remaining: 99 };
    const { asked, verb } = await answersInTurn([
      { count: 8_500, dry_run: true, remaining: 8_500 },
      part,
      part,
      { ...part, count: 500 },
      { count: 7, dry_run: true, remaining: 7 },
    ]);
    const { code, lines } = await verb("redrive", "--processor", "a");
    expect({ code, lines: lines.toSorted() }).toEqual({
      code: 0,
      lines: [
        '{"count":8500,"dry_run":false,"remaining":7}',
        expect.stringMatching(/^\{"warning":"7 dead deliveries died meanwhile/),
      ],
    });
    const filter = { processor: "a" };
    expect(asked).toEqual([
      { ...filter, dry_run: true },
      { ...filter, dry_run: false, limit: 5_000 },
      { ...filter, dry_run: false, limit: 4_500 },
      { ...filter, dry_run: false, limit: 500 },
      { ...filter, dry_run: true },
    ]);
  });
});

describe("--server", () => {
  const failing = async (
    server: string,
    env: Record<string, string>,
    more: readonly string[] = [],
  ) => {
    const { code, lines } = await run(["stats", "--server", server, ...more], env);
    expect(lines).toHaveLength(1);
    return { code, message: lines[0] };
  };
  const own = { ADMIN_TOKEN: token };

  test.each([
    ["http://example.com", own, 2, /^--server: expected an https: URL, .* by a tunnel/],
    ["https://canary:canary@example.com", own, 2, /^--server: expected a URL without credentials/],
    ["example.com", own, 2, /^--server: expected an https: URL such as/],
    ["https://example.com", {}, 2, /^Expected ADMIN_TOKEN in the environment: the token that/],
    ["https://example.com", { ADMIN_TOKEN: "canary" }, 2, /^ADMIN_TOKEN: expected at least 24/],
    [
      "http://127.0.0.1:9",
      own,
      1,
      /^No answer from http:\/\/127\.0\.0\.1:9: .*server run there\?$/,
    ],
  ])("%s with %j ends with %i and one sentence", async (server, env, code, expected) => {
    expect(await failing(server, env)).toEqual({ code, message: expect.stringMatching(expected) });
  });

  test("says that the token is wrong, that there is no admin API, or that --config has no use", async () => {
    const [wrong, elsewhere, config] = await Promise.all([
      failing(url, { ADMIN_TOKEN: "another token of 24 characters" }),
      failing(url.replace("/hooks", ""), own, ["--json"]),
      failing(url, own, ["--config", "own.mjs"]),
    ]);
    expect(wrong).toEqual({ code: 1, message: expect.stringMatching(/refuses the token/) });
    expect(elsewhere).toEqual({
      code: 1,
      message: expect.stringMatching(/^\{"error":"There is no admin API at /),
    });
    expect(config).toEqual({ code: 2, message: expect.stringMatching(/cannot be used with/) });
  });

  test("takes the token that dev made in this folder, for dev's server only", async () => {
    const dev = join(folder, "dev");
    await mkdir(join(dev, ".imggo-webhooks"), { recursive: true });
    const session = (more: object) =>
      writeFile(
        join(dev, ".imggo-webhooks", "dev.json"),
        JSON.stringify({ url: `${url}/webhook`, adminToken: token, ...more }),
      );
    const stats = (server: string) => run(["stats", "--server", server], {}, dev);
    await session({ usesAdminToken: true });
    expect((await stats(url.replace("127.0.0.1", "localhost"))).code).toBe(0);
    expect((await stats("http://127.0.0.1:9")).lines)
      .toEqual([expect.stringMatching(/^Expected ADMIN_TOKEN in the environment/)]);
    await session({ usesAdminToken: false });
    expect((await stats(url)).code).toBe(2);
  });

  test("is an option of the verbs on what is stored, and of no other", () => {
    const program = new Command();
    const adding = [addEvents, addRedrive, addStats, addRejections, addExpect, addReconcile];
    for (const add of adding) add(program);
    const verbs = program.commands.flatMap(({ commands }, index) =>
      commands.length > 0 ? commands : program.commands[index] ?? []
    );
    const having = verbs.filter(({ options }) => options.some(({ long }) => long === "--server"));
    expect(having.map((verb) => verb.name())).toEqual([
      "list",
      "get",
      "body",
      "redeliver",
      "redrive",
      "stats",
      "list",
      "reverify",
      "expect",
    ]);
  });
});
