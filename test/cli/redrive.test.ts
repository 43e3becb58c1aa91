import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { type Finished, runCli, startCli } from "../support/command-line.ts";
import { prepareStorage } from "../support/prepared-storage.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
});
afterEach(() => rm(folder, { recursive: true }));

const env = { STORAGE_URL: "sqlite:events.db" };
const run = async (...args: readonly string[]): Promise<Finished> =>
  // The environment goes before the configuration.
  await runCli(args, { cwd: folder, env: args.includes("--config") ? {} : env });
const file = () => join(folder, "events.db");

async function countDead(): Promise<number> {
  const storage = sqliteStorage(file());
  const count = await storage.countDead({});
  await storage.close();
  return count;
}

/** A configuration whose storage says what it is asked, and redrives slowly. */
async function slowStorage(dead: number): Promise<string> {
  await writeFile(
    join(folder, "slow.mjs"),
    `let dead = ${dead};
    export default { storage: {
      accept() {}, async ping() {}, async close() {},
      countDead: async () => dead,
      async redrive({ limit }) {
        console.error("limit " + limit);
        await new Promise((resolve) => setTimeout(resolve, 50));
        dead -= limit;
        return limit;
      },
    } };`,
  );
  return join(folder, "slow.mjs");
}

describe("redrive", () => {
  test("counts with --dry-run, and runs again what the filters mean", async () => {
    const dead = { a: "dead" } as const;
    await prepareStorage(file(), [
      { id: "evt_1", processors: ["a"], outcomes: dead, patternId: "pat_1" },
      { id: "evt_2", processors: ["a"], outcomes: dead, event: "job.failed" },
      { id: "evt_3", processors: ["b"], outcomes: { b: "dead" } },
      { id: "evt_4", processors: ["a"], outcomes: { a: "succeeded" } },
    ]);
    expect(await run("redrive", "--dry-run"))
      .toMatchObject({ code: 0, output: "3 dead deliveries would run again.\n" });
    const count = async (...args: readonly string[]) => {
      const { code, output } = await run("redrive", "--dry-run", "--json", ...args);
      expect(code).toBe(0);
      return JSON.parse(output);
    };
    expect(
      await Promise.all([
        count("--processor", "b"),
        count("--event", "job.failed"),
        count("--pattern", "pat_1"),
        count("--since", "1h"),
        count("--before", "1h"),
        count("--dead-after", "2999-01-01"),
      ]),
    ).toEqual([1, 1, 1, 3, 0, 0].map((count) => ({ count, dry_run: true, remaining: count })));
    expect(await countDead()).toBe(3);

    expect(await run("redrive", "--processor", "b"))
      .toMatchObject({ code: 0, output: "1 dead delivery will run again.\n" });
    const { code, output } = await run("redrive", "--json");
    expect({ code, ...JSON.parse(output) }).toEqual({
      code: 0,
      count: 2,
      dry_run: false,
      remaining: 0,
    });
    expect(await countDead()).toBe(0);
    expect(await run("redrive"))
      .toMatchObject({ code: 0, output: "0 dead deliveries will run again.\n" });
  });

  test("goes in batches, and no further than what was dead at first", async () => {
    const config = await slowStorage(1_200);
    const { code, lines } = await run("redrive", "--config", config);
    expect({ code, lines }).toEqual({
      code: 0,
      lines: ["limit 500", "limit 500", "limit 200", "1200 dead deliveries will run again."],
    });
  });

  test("does not drive round for ever what dies again at once, and says so", async () => {
    await writeFile(
      join(folder, "again.mjs"),
      `export default { storage: {
        accept() {}, async ping() {}, async close() {},
        countDead: async () => 3, redrive: async ({ limit }) => limit,
      } };`,
    );
    const { code, lines } = await run("redrive", "--config", "again.mjs");
    expect({ code, lines: lines.toSorted() }).toEqual({
      code: 0,
      lines: [
        "3 dead deliveries died meanwhile: `events list --delivery-state dead` prints them.",
        "3 dead deliveries will run again.",
      ],
    });
  });

  test.each([["SIGINT"], ["SIGTERM"]] as const)(
    "stops at %s, after the part that runs, and says how far it came",
    async (signal) => {
      const config = await slowStorage(1_000_000);
      const process = startCli(["redrive", "--json", "--config", config], {
        cwd: folder,
        env: {},
      });
      await process.prints(/limit 500/, 2);
      expect(await process.end(signal)).toBe(1);
      const batches = process.output().match(/limit 500/g)?.length ?? 0;
      expect(process.output()).toContain(`{"count":${batches * 500},"dry_run":false,`);
      expect(process.output()).toContain(`Stopped at ${batches * 500} of 1000000`);
    },
  );
});
