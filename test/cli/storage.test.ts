import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Finished, runCli } from "../support/command-line.ts";
import { prepareStorage } from "../support/prepared-storage.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  await prepareStorage(join(folder, "events.db"), [
    { id: "evt_1", processors: ["a"], outcomes: { a: "dead" } },
    { id: "evt_2", processors: ["a"] },
  ], {
    rejections: 3,
    overdue: ["job_late"],
    activity: { accepted: 7, rejected: 2, dead: 1 },
  });
});
afterAll(() => rm(folder, { recursive: true }));

const run = async (
  args: readonly string[],
  env: Record<string, string> = { STORAGE_URL: "sqlite:events.db" },
): Promise<Finished> => {
  const finished = await runCli(args, { cwd: folder, env });
  expect(finished.output).not.toMatch(/^\s+at /m);
  return finished;
};

describe("stats", () => {
  test("prints counts", async () => {
    const { code, lines } = await run(["stats"]);
    expect({ code, lines: lines.map((line) => line.trim().replace(/ {2,}/g, " | ")) }).toEqual({
      code: 0,
      lines: [
        "Events | 2 accepted, 0 ignored, 0 quarantined, 0 superseded",
        expect.stringMatching(/^Last event \| .* ago$/),
        "Last hour | 7 accepted, 0 duplicates, 2 rejected, 1 dead",
        "Last day | 7 accepted, 0 duplicates, 2 rejected, 1 dead",
        "Duplicates | 0",
        expect.stringMatching(/^Deliveries \| 1 pending, 0 running, 0 succeeded, 1 dead$/),
        expect.stringMatching(/^Backlog \| 1; the oldest was due /),
        "Spooled | 0",
        "Expectations | 0 waiting, 1 overdue",
        "Rejections | 3",
      ],
    });
  });

  test("--json prints one object", async () => {
    const { code, output } = await run(["stats", "--json"]);
    expect({ code, ...JSON.parse(output) }).toEqual({
      code: 0,
      events: { accepted: 2, ignored: 0, quarantined: 0, superseded: 0 },
      deliveries: { pending: 1, running: 0, succeeded: 0, dead: 1 },
      duplicates: 0,
      backlog: 1,
      oldest_due_at: expect.stringMatching(/Z$/),
      oldest_pending_seconds: expect.any(Number),
      last_received_at: "2026-01-01T00:00:00.000Z",
      last_event_age_seconds: expect.any(Number),
      rates: {
        last_hour: { accepted: 7, duplicates: 0, rejected: 2, dead: 1 },
        last_day: { accepted: 7, duplicates: 0, rejected: 2, dead: 1 },
      },
      expectations: { waiting: 0, overdue: 1 },
      overdue: 1,
      rejections: 3,
      spooled: 0,
    });
  });

  test("counts what waits in the spool, where there is one", async () => {
    await prepareStorage(join(folder, "spool.db"), [{ processors: ["a"] }, { processors: ["a"] }]);
    const spooled = async (spool: string) => {
      const env = { STORAGE_URL: "sqlite:events.db", SPOOL_URL: `sqlite:${spool}.db` };
      return JSON.parse((await run(["stats", "--json"], env)).output).spooled;
    };
    expect(await spooled("spool")).toBe(2);
    expect(await spooled("none")).toBe(0);
  });

  test("needs no secret, and takes the storage of a configuration", async () => {
    await writeFile(
      join(folder, "own.mjs"),
      `export default { storage: "sqlite:events.db", processors: { a() {} } };`,
    );
    expect((await run(["stats", "--config", "own.mjs"], {})).code).toBe(0);
  });

  test("ends though a configuration keeps something open", async () => {
    await writeFile(
      join(folder, "open.mjs"),
      `setInterval(() => {}, 1_000); export default { storage: "sqlite:events.db" };`,
    );
    expect((await run(["stats", "--config", "open.mjs"], {})).code).toBe(0);
  });
});

describe("rejections list", () => {
  test("prints a table, and JSON in parts", async () => {
    const { code, lines } = await run(["rejections", "list"]);
    expect(lines[0]).toMatch(/^ID +RECEIVED +BYTES +SIGNATURE$/);
    expect(lines.slice(1).map((line) => line.split(" ")[0])).toEqual(["rej_1", "rej_2", "rej_3"]);
    expect(code).toBe(0);
    const first = await run(["rejections", "list", "--json", "--limit", "2"]);
    const [one, two, { next_cursor } = { next_cursor: "" }] = first.lines
      .map((line) => JSON.parse(line));
    expect([one, two]).toEqual(["rej_1", "rej_2"].map((id) => ({
      id,
      received_at: expect.stringMatching(/Z$/),
      size: 2,
      signature: "0f".repeat(32),
    })));
    const rest = await run(["rejections", "list", "--json", "--cursor", next_cursor]);
    expect(rest.lines.map((line) => JSON.parse(line).id)).toEqual(["rej_3"]);
  });
});

const verbs = [
  ["events", "list"],
  ["events", "get", "evt_1"],
  ["events", "body", "evt_1"],
  ["events", "redeliver", "evt_1"],
  ["redrive"],
  ["stats"],
  ["rejections", "list"],
] as const;

describe("a storage that cannot be used", () => {
  test.each(verbs.map((verb) => [verb] as const))(
    "is not made where there is none: %j",
    async (verb) => {
      const before = await readdir(folder);
      const { code, lines } = await run(verb, { STORAGE_URL: "sqlite:none.db" });
      expect({ code, lines }).toEqual({
        code: 1,
        lines: [
          "There is no SQLite file none.db (STORAGE_URL): a server makes it when it starts.",
        ],
      });
      expect(await readdir(folder)).toEqual(before);
    },
  );

  const explained = async (verb: readonly string[], url: string, reason: RegExp, code = 1) => {
    const [text, json] = await Promise.all([
      run(verb, { STORAGE_URL: url }),
      run([...verb, "--json"], { STORAGE_URL: url }),
    ]);
    expect({ code: text.code, lines: text.lines.length }).toEqual({ code, lines: code });
    expect(text.errors).toMatch(reason);
    expect(JSON.parse(json.errors)).toEqual({ error: expect.stringMatching(reason) });
  };

  test("is explained where it is memory", () =>
    explained(["stats"], "memory:", /memory of the server's process/));

  test("is explained where its URL is wrong", () =>
    explained(["stats"], "redis://somewhere", /STORAGE_URL: expected sqlite:/, 2));

  test("is explained where it is a folder", () =>
    explained(["events", "list"], "sqlite:.", /^(?:\{"error":")?SQLite \.: /));

  test("is explained where it is not SQLite, and is left as it is", async () => {
    await writeFile(join(folder, "letter.db"), "Dear Sir or Madam, ".repeat(100));
    await explained(["events", "list"], "sqlite:letter.db", /no SQLite file/);
    expect(await readFile(join(folder, "letter.db"), "utf8")).toMatch(/^Dear Sir/);
  });

  test("is explained where it is something else's", async () => {
    const database = new DatabaseSync(join(folder, "other.db"));
    database.exec("CREATE TABLE notes (text TEXT)");
    database.close();
    await explained(["events", "list"], "sqlite:other.db", /of something else/);
  });

  test("is explained where it is of a newer version", async () => {
    await prepareStorage(join(folder, "newer.db"), []);
    const database = new DatabaseSync(join(folder, "newer.db"));
    database.exec("PRAGMA user_version = 99");
    database.close();
    await explained(["stats"], "sqlite:newer.db", /newer version/);
  });

  test("is explained where it is locked for writing, and can be read all the same", async () => {
    await prepareStorage(join(folder, "locked.db"), [
      { id: "evt_1", processors: ["a"], outcomes: { a: "dead" } },
    ]);
    const database = new DatabaseSync(join(folder, "locked.db"));
    onTestFinished(() => database.close());
    database.exec("BEGIN IMMEDIATE");
    const env = { STORAGE_URL: "sqlite:locked.db" };
    expect((await run(["events", "list"], env)).code).toBe(0);
    await explained(["redrive"], env.STORAGE_URL, /Another process holds the write lock/);
  });

  test("is explained where nothing answers, and its password is not said", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const url = `postgres://user:canary@127.0.0.1:${port}/db`;
    await explained(["stats"], url, /^(?:\{"error":")?PostgreSQL: (?!.*canary)/);
  });
});
