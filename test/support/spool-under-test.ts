import type { NewEvent, Storage } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { type SpoolOptions, withSpool } from "imggo-webhooks/storage/spool";
import { sqliteStorage } from "imggo-webhooks/storage/sqlite";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, vi } from "vitest";
import { breakable, type BreakableStorage } from "./breakable-storage.ts";
import { type CapturedLog, captureLog } from "./captured-log.ts";
import { newEvent, type NewEventFields } from "./new-event.ts";

/** What {@linkcode setUp} takes. */
export interface SetUp extends SpoolOptions {
  /** Default one of its own in memory. */
  readonly primary?: Storage;
  /** Puts a fault in front of the spool. */
  readonly faulty?: (spool: Storage) => Partial<Storage>;
  /** The spool's file. Default one of its own. */
  readonly file?: string;
}

/** A storage with a spool, and what a test does with it and sees of it. */
export interface SpoolUnderTest {
  readonly storage: Storage;
  /** The storage behind it: what it holds, and how it is broken. */
  readonly primary: Storage;
  readonly broken: BreakableStorage;
  /** The spool's file. */
  readonly file: string;
  readonly log: CapturedLog;
  /** Accepts an event; it. */
  readonly accept: (fields?: NewEventFields) => Promise<NewEvent>;
  /** Accepts so many, one after another; their ids. */
  readonly acceptMany: (count: number) => Promise<string[]>;
  /** Waits until nothing is spooled any more. */
  readonly allMoved: () => Promise<void>;
  /** The ids that the storage holds, in the order in which they were stored. */
  readonly stored: () => Promise<string[]>;
}

/** A path in a folder of its own, which goes with the test. */
export async function newFile(name = "spool.db"): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "imggo-webhooks-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, name);
}

/** It is closed when the test ends. */
export async function setUp(
  { primary = memoryStorage(), faulty = () => ({}), file, ...options }: SetUp = {},
): Promise<SpoolUnderTest> {
  const path = file ?? await newFile();
  const spool = sqliteStorage(path);
  const broken = breakable(primary);
  const log = captureLog();
  const storage = withSpool(broken.storage, { ...spool, ...faulty(spool) }, {
    logger: log.logger,
    ...options,
  });
  onTestFinished(async () => {
    vi.useRealTimers();
    await storage.close();
  });
  const accept = async (fields?: NewEventFields) => {
    const event = await newEvent(fields);
    await storage.accept(event);
    return event;
  };
  return {
    storage,
    primary,
    broken,
    file: path,
    log,
    accept,
    async acceptMany(count) {
      const ids: string[] = [];
      while (ids.length < count) ids.push((await accept()).id);
      return ids;
    },
    allMoved: () =>
      vi.waitFor(async () => expect((await storage.ping())?.spooling).toBeFalsy(), {
        timeout: 15_000,
        interval: 10,
      }),
    async stored() {
      const { events } = await primary.list({ limit: 10_000 });
      return events.map(({ id }) => id).reverse();
    },
  };
}
