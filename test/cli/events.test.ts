import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { type Finished, runCli, startCli } from "../support/command-line.ts";
import { receivedAt } from "../support/new-event.ts";
import { prepareStorage } from "../support/prepared-storage.ts";
import { toBytes } from "../support/wire.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  const twoHoursAgo = Date.now() - 7_200_000;
  await prepareStorage(join(folder, "events.db"), [
    { id: "evt_1", jobId: "job_1", processors: ["a"], outcomes: { a: "succeeded" } },
    {
      id: "evt_2",
      jobId: "job_2",
      patternId: "pat_2",
      receivedAt: twoHoursAgo,
      processors: ["a", "b"],
      outcomes: { a: "dead", b: "succeeded" },
      error: "Error: \u001b[31mred\u0007\u009b2J\u202e",
    },
    {
      id: "evt_3",
      state: "quarantined",
      event: null,
      jobId: null,
      key: "quarantined:3",
      body: toBytes({ event: "job.succeeded", data: { job_id: 5 } }),
    },
    {
      id: "evt_4",
      state: "ignored",
      event: "job.queued",
      jobId: "job_4",
      key: "ignored:4",
      body: new Uint8Array([0, 0x1b, 0xff, 0x0a]),
    },
    { id: "evt_5", jobId: "job_5", processors: ["a"], receivedAt: twoHoursAgo },
  ]);
});
afterAll(() => rm(folder, { recursive: true }));

const run = async (
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Finished> => {
  const settings = { STORAGE_URL: "sqlite:events.db", ...env };
  const finished = await runCli(args, { cwd: folder, env: settings });
  expect(finished.output).not.toMatch(/^\s+at /m);
  return finished;
};

/** A copy of the file for a test that changes it. */
async function copy(name: string): Promise<Record<string, string>> {
  await copyFile(join(folder, "events.db"), join(folder, name));
  return { STORAGE_URL: `sqlite:${name}` };
}

const idsOf = ({ lines }: Finished) =>
  lines.filter((line) => line !== "").map((line) => JSON.parse(line).id);

describe("events list", () => {
  test("prints a table, the last stored first", async () => {
    const { code, lines } = await run(["events", "list"]);
    expect(lines.map((line) => line.replace(/ {2,}/g, " | "))).toEqual([
      "ID | RECEIVED | EVENT | STATE | JOB | DELIVERIES",
      "evt_5 | 2 hours ago | job.succeeded | accepted | job_5 | a pending",
      expect.stringMatching(/^evt_4 \| .* ago \| job\.queued \| ignored \| job_4$/),
      expect.stringMatching(/^evt_3 \| .* ago \| quarantined$/),
      "evt_2 | 2 hours ago | job.succeeded | accepted | job_2 | a dead, b succeeded",
      expect.stringMatching(
        /^evt_1 \| .* ago \| job\.succeeded \| accepted \| job_1 \| a succeeded$/,
      ),
    ]);
    expect(code).toBe(0);
  });

  test("--json prints an object a line, in the names of the admin API", async () => {
    const { code, lines } = await run(["events", "list", "--job", "job_2", "--json"]);
    expect(lines.map((line) => JSON.parse(line))).toEqual([{
      id: "evt_2",
      event: "job.succeeded",
      state: "accepted",
      origin: "webhook",
      job_id: "job_2",
      pattern_id: "pat_2",
      received_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      size: expect.any(Number),
      duplicates: 0,
      key: "job.succeeded:job_2",
      deliveries: [
        {
          processor: "a",
          state: "dead",
          attempts: 1,
          due_at: null,
          ended_at: expect.stringMatching(/Z$/),
          last_error: "Error: \u001b[31mred\u0007\u009b2J\u202e",
        },
        {
          processor: "b",
          state: "succeeded",
          attempts: 1,
          due_at: null,
          ended_at: expect.stringMatching(/Z$/),
          last_error: null,
        },
      ],
    }]);
    expect(code).toBe(0);
  });

  test.each([
    [["--state", "quarantined"], ["evt_3"]],
    [["--event", "job.queued"], ["evt_4"]],
    [["--job", "job_1"], ["evt_1"]],
    [["--pattern", "pat_2"], ["evt_2"]],
    [["--delivery-state", "dead"], ["evt_2"]],
    [["--delivery-state", "succeeded", "--since", "1d"], ["evt_2"]],
    [["--since", "3h"], ["evt_5", "evt_2"]],
    [["--received-after", "2026-01-02"], ["evt_5", "evt_2"]],
    [["--before", "2026-01-02T00:00Z"], ["evt_4", "evt_3", "evt_1"]],
    [["--received-before", "1h", "--state", "accepted"], ["evt_5", "evt_2", "evt_1"]],
    [["--since", "1h"], []],
  ])("%j prints those", async (args, ids) => {
    expect(idsOf(await run(["events", "list", "--json", ...args]))).toEqual(ids);
  });

  test("--limit and --cursor go through the list in parts", async () => {
    const seen: string[] = [];
    let next: string[] = [];
    do {
      const { code, lines } = await run(["events", "list", "--json", "--limit", "2", ...next]);
      expect(code).toBe(0);
      const objects = lines.map((line) => JSON.parse(line));
      seen.push(...objects.flatMap(({ id }) => id ?? []));
      const cursor = objects.find((object) => "next_cursor" in object)?.next_cursor;
      next = cursor === undefined ? [] : ["--cursor", cursor];
    } while (next.length > 0);
    expect(seen).toEqual(["evt_5", "evt_4", "evt_3", "evt_2", "evt_1"]);
    const forPeople = await run(["events", "list", "--limit", "2"]);
    expect(forPeople.lines.at(-1)).toMatch(/^There are more: add --cursor \w+$/);
  });

  test("--limit is filled from as many pages as it takes", async () => {
    const finished = await run(["events", "list", "--json", "--limit", "2", "--state", "accepted"]);
    expect(idsOf(finished).filter(Boolean)).toEqual(["evt_5", "evt_2"]);
  });

  test("says that there is none", async () => {
    expect(await run(["events", "list", "--job", "nobody's"]))
      .toMatchObject({ code: 0, output: "No event is like that.\n" });
    const { lines } = await run(["events", "list", "--limit", "4", "--json"]);
    const { next_cursor } = JSON.parse(lines.at(-1) ?? "");
    expect(await run(["events", "list", "--cursor", next_cursor, "--state", "ignored"]))
      .toMatchObject({ code: 0, output: "There are no more.\n" });
    expect(await run(["events", "list", "--job", "nobody's", "--json"]))
      .toMatchObject({ code: 0, output: "" });
  });

  test.each([
    [["events"]],
    [["events", "paint"]],
    [["events", "list", "--state", "odd"]],
    [["events", "list", "--limit", "0"]],
    [["events", "list", "--since", "yesterday"]],
    [["events", "list", "--since", "2026-13-41"]],
    [["events", "get"]],
    [["events", "redeliver"]],
    [["redrive", "--before", "5"]],
  ])("ends with 2: %j", async (args) => {
    expect((await run(args)).code).toBe(2);
  });

  test("ends quietly where its reader goes away", async () => {
    const config = `
      const event = (id) => ({ id, key: id, state: "ignored", origin: "webhook", event: "x",
        jobId: null, patternId: null, receivedAt: 0, size: 1, duplicates: 0, deliveries: [] });
      export default { storage: {
        accept() {}, async ping() {}, async close() {},
        list: async ({ limit }) => ({
          events: Array.from({ length: limit }, (_, n) => event("evt_" + n)), nextCursor: "more",
        }),
      } };`;
    await writeFile(join(folder, "many.mjs"), config);
    const args = ["events", "list", "--json", "--limit", "50000", "--config", "many.mjs"];
    const process = startCli(args, { cwd: folder, env: {} });
    await process.prints(/evt_0/);
    process.child.stdout?.destroy();
    expect(await process.ended).toBe(0);
    expect(process.output()).not.toContain("EPIPE");
  });
});

describe("events get", () => {
  test("shows an event, its deliveries and the canonical event, and no control character", async () => {
    const { code, lines, output } = await run(["events", "get", "evt_2"]);
    expect(code).toBe(0);
    expect(lines[0]).toBe("evt_2  job.succeeded  accepted");
    expect(output).toMatch(
      /\n {2}Job +job_2\n {2}Pattern +pat_2\n {2}Received +\d{4}-.*Z \(2 hours ago\)\n/,
    );
    expect(output).toMatch(/\n {2}Duplicates +0\n/);
    expect(output).toMatch(
      /\nPROCESSOR +STATE +ATTEMPTS +WHEN +LAST ERROR\na +dead +1 +\S.* Error: /,
    );
    expect(output).toMatch(/"status": "succeeded",\n/);
    expect(output).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
  });

  test("--json prints one object, in which no control character is left as it is", async () => {
    const { code, lines, output } = await run(["events", "get", "evt_2", "--json"]);
    expect({ code, lines: lines.length }).toEqual({ code: 0, lines: 1 });
    expect(JSON.parse(output)).toMatchObject({
      id: "evt_2",
      deliveries: [{ last_error: "Error: \u001b[31mred\u0007\u009b2J\u202e" }, {}],
      canonical: {
        event: "job.succeeded",
        data: { job_id: "job_2", status: "succeeded", result: { total: 12.5 } },
      },
    });
    expect(output).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
  });

  test("says of a quarantined event what is wrong with it, and of an ignored one why", async () => {
    const [quarantined, json, ignored] = await Promise.all([
      run(["events", "get", "evt_3"]),
      run(["events", "get", "evt_3", "--json"]),
      run(["events", "get", "evt_4"]),
    ]);
    expect(quarantined.output).toMatch(/not understood:\n {2}data\.job_id: expected /);
    expect(JSON.parse(json.output)).toMatchObject({
      canonical: null,
      code: "invalid_payload",
      issues: [{ path: "data.job_id" }, { path: "data" }],
    });
    expect(ignored.output).toContain("No deliveries.");
  });

  test.each([["get"], ["body"], ["redeliver"]])(
    "%s says that there is no such event",
    async (verb) => {
      const { code, lines } = await run(["events", verb, "evt_\u001b[31m"]);
      expect({ code, lines }).toEqual({
        code: 1,
        lines: [
          "There is no event evt_\ufffd[31m: `npm run cli -- events list` prints those there are.",
        ],
      });
      const json = await run(["events", verb, "evt_none", "--json"]);
      expect(json).toMatchObject({ code: 1, output: json.errors });
      expect(JSON.parse(json.errors)).toEqual({
        error: expect.stringMatching(/^There is no event/),
      });
    },
  );
});

describe("events body", () => {
  test("writes the bytes exactly, to a file and to standard output", async () => {
    const bytes = new Uint8Array([0, 0x1b, 0xff, 0x0a]);
    const toFile = await run(["events", "body", "evt_4", "--output", "body.bin"]);
    expect(toFile).toMatchObject({ code: 0, output: "4 bytes in body.bin\n" });
    expect(new Uint8Array(await readFile(join(folder, "body.bin")))).toEqual(bytes);

    const env = { STORAGE_URL: "sqlite:events.db" };
    const process = startCli(["events", "body", "evt_4"], { cwd: folder, env });
    process.child.stdout?.setEncoding("latin1");
    expect(await process.ended).toBe(0);
    expect(Buffer.from(process.output(), "latin1")).toEqual(Buffer.from(bytes));
  });

  test("--json prints text as it is, and other bytes in base64", async () => {
    const [text, bytes] = await Promise.all(
      ["evt_1", "evt_4"].map((id) => run(["events", "body", id, "--json"])),
    );
    const { encoding, body } = JSON.parse(text?.output ?? "");
    expect(encoding).toBe("utf-8");
    expect(JSON.parse(body)).toMatchObject({ data: { job_id: "job_1" } });
    expect(JSON.parse(bytes?.output ?? ""))
      .toEqual({ id: "evt_4", size: 4, encoding: "base64", body: "ABv/Cg==" });
  });

  test("says that a file cannot be written", async () => {
    expect(await run(["events", "body", "evt_1", "--output", "none/body"]))
      .toMatchObject({ code: 1, lines: ["Cannot write none/body (ENOENT)."] });
  });
});

describe("events redeliver", () => {
  test("makes what has ended due again, of one processor or of all", async () => {
    const env = await copy("redeliver.db");
    const one = await run(["events", "redeliver", "evt_2", "--processor", "b"], env);
    expect(one).toMatchObject({ code: 0, output: "evt_2 is due again: b\n" });
    const all = await run(["events", "redeliver", "evt_2", "--json"], env);
    expect(JSON.parse(all.output)).toEqual({
      id: "evt_2",
      count: 1,
      processors: ["a"],
      open: ["b"],
    });
    const again = await run(["events", "redeliver", "evt_2"], env);
    expect(again).toMatchObject({ code: 0, output: "Nothing to do: a, b has yet to end.\n" });
    const storage = sqliteStorage(join(folder, "redeliver.db"));
    const stored = await storage.get("evt_2");
    await storage.close();
    expect(stored?.deliveries).toMatchObject([
      { processor: "a", state: "pending", attempts: 0 },
      { processor: "b", state: "pending", attempts: 0 },
    ]);
  });

  test("takes a new name of the configuration, and none that nobody has", async () => {
    const env = await copy("names.db");
    await writeFile(join(folder, "names.mjs"), "export default { processors: { fresh() {} } };");
    const redeliver = (...args: readonly string[]) =>
      run(["events", "redeliver", "evt_1", "--config", "names.mjs", ...args], env);
    expect(await redeliver("--processor", "fresh"))
      .toMatchObject({ code: 0, output: "evt_1 is due again: fresh\n" });
    expect(await redeliver("--processor", "nobody")).toMatchObject({
      code: 2,
      lines: ["processor: expected one of a, fresh; nobody would run another"],
    });
  });

  test("refuses what no processor gets", async () => {
    expect(await run(["events", "redeliver", "evt_3"])).toMatchObject({
      code: 1,
      lines: ["The event is quarantined: only what is accepted is handed to processors."],
    });
  });
});

test("the events were received when they say", async () => {
  const { lines } = await run(["events", "get", "evt_1", "--json"]);
  expect(JSON.parse(lines[0] ?? "").received_at).toBe(new Date(receivedAt).toISOString());
});
