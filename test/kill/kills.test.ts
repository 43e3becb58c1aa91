import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Attempt, Storage } from "../../src/storage/storage.ts";
import { createLedger } from "../soak/ledger.ts";
import { bodyOf } from "../soak/load.ts";
import { newEvent } from "../support/new-event.ts";
import { createAuditor, overlap } from "./audit.ts";
import { databasesOf } from "./databases.ts";
import { prepareEffects } from "./effects.ts";
import { killRounds } from "./kills.ts";

test(
  "servers killed 20 times on Node.js, Bun and Deno lose nothing and repeat nothing that was recorded",
  async () => {
    const seed = Date.now();
    const { problems, ...counts } = await killRounds({
      databases: await databasesOf("sqlite"),
      rounds: 20,
      roundsPerDatabase: 20,
      seed,
      rate: 120,
    });
    expect(problems, `seed ${seed}`).toEqual([]);
    expect(counts.rounds).toBe(20);
    expect(counts.killed).toBeGreaterThanOrEqual(20);
    expect(counts.acknowledged).toBeGreaterThan(100);
    expect(counts.runs).toBeGreaterThanOrEqual(counts.stored);
  },
  90_000,
);

describe("createAuditor()", () => {
  /** A file with the events of jobs 1 to 3, all acknowledged, of which the first has been done. */
  async function audited() {
    const cwd = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
    onTestFinished(() => rm(cwd, { recursive: true }));
    const database = await (await databasesOf("sqlite")).create(cwd);
    const ledger = createLedger();
    await prepareEffects(cwd);
    const effects = (...lines: string[]) =>
      writeFile(join(cwd, "effects.txt"), lines.map((line) => `${line}\n`).join(""));
    await database.look(async (storage: Storage) => {
      for (const job of [1, 2, 3]) {
        const body = new TextEncoder().encode(bodyOf(job));
        const event = await newEvent({ id: `evt_${job}`, key: `${job}`, jobId: `${job}`, body });
        const { id } = await storage.accept({ ...event, processors: ["work"] });
        ledger.acknowledge(job, id);
      }
      const request = { processors: ["work"], limit: 1, leaseMs: 60_000, maxAttempts: 9 };
      for (const claim of (await storage.claim(request)).claims) {
        await storage.settle(claim, { kind: "succeeded" });
      }
    });
    await effects("begins 1 evt_1 1", "done 1 evt_1 1");
    const auditor = createAuditor(cwd, ledger);
    const audit = () => database.look((storage) => auditor.audit(storage, true));
    const change = (sql: string) => {
      const connection = new DatabaseSync(join(cwd, "imggo-webhooks.db"));
      connection.exec(sql);
      connection.close();
    };
    return { audit, effects, change, database, ledger };
  }

  test("finds nothing where all is as it was promised", async () => {
    const { audit, database } = await audited();
    expect(await audit()).toEqual([]);
    expect(await database.check()).toBeUndefined();
  });

  test("finds what was acknowledged and is not stored, and other bytes", async () => {
    const { audit, change } = await audited();
    change(`PRAGMA foreign_keys = OFF;
      DELETE FROM events WHERE id = 'evt_2';
      UPDATE events SET body = CAST(replace(body, 'xx', 'xy') AS BLOB) WHERE id = 'evt_3'`);
    expect(await audit()).toEqual([
      "job 2: acknowledged, not stored",
      "job 3: other bytes than were sent",
    ]);
  });

  test("finds what is recorded and was not done, and an attempt that was run twice", async () => {
    const { audit, effects } = await audited();
    await effects("begins 1 evt_1 1", "begins 2 evt_2 1", "begins 2 evt_2 1");
    expect(await audit()).toEqual([
      "job 2: attempt 1 was run twice",
      "job 1: recorded as done, and was not",
    ]);
  });

  test("has the ledger find what is run again after its success", async () => {
    const { audit, effects, ledger } = await audited();
    await audit();
    await effects("begins 1 evt_1 1", "done 1 evt_1 1", "begins 1 evt_1 2");
    await audit();
    expect((await ledger.judge([])).twice).toEqual(["job 1: run again after its success"]);
  });
});

test("overlap() finds what was claimed before the lease of another one ended", () => {
  const attempt = (number: number, startedAt: number, endedAt: number | null): Attempt => ({
    ...{ processor: "work", attempt: number, startedAt, endedAt, error: null },
    state: endedAt === null ? "lost" : "retry",
  });
  expect(overlap([attempt(1, 0, null), attempt(2, 2_000, 2_010), attempt(3, 2_010, null)]))
    .toBe(false);
  expect(overlap([attempt(1, 0, null), attempt(2, 1_999, null)])).toBe(true);
  expect(overlap([attempt(1, 0, 50), attempt(2, 49, null)])).toBe(true);
});
