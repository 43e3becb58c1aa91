import type { Delivery, DrainResult, Processor, Storage, WorkerOptions } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { onTestFinished, vi } from "vitest";
import { createWorker, type Worker } from "../../src/worker.ts";
import { type CapturedLog, captureLog } from "./captured-log.ts";
import { newEvent, type NewEventFields } from "./new-event.ts";
import { type WatchedStorage, watchStorage } from "./watched-storage.ts";

const hour = 3_600_000;

/** What {@linkcode setUp} takes. */
export interface SetUp {
  readonly processors: Readonly<Record<string, Processor>>;
  readonly options?: WorkerOptions;
  /** Puts a fault in front of the storage that the worker sees. */
  readonly faulty?: (storage: Storage) => Partial<Storage>;
}

/** A worker, and what a test does with it and sees of it. Its storage is the one without faults. */
export interface WorkerUnderTest extends WatchedStorage {
  readonly worker: Worker;
  /** Makes one more worker on the same storage. */
  readonly anotherWorker: (more?: WorkerOptions) => Worker;
  readonly log: CapturedLog;
  /** Moves the storage's clock. */
  readonly advance: (milliseconds: number) => void;
  /** Stores an event for all the processors. */
  readonly accept: (fields?: NewEventFields) => Promise<string>;
  /** What is stored of an event's delivery to a processor, by default to the first. */
  readonly delivery: (id: string, processor?: string) => Promise<Delivery | undefined>;
}

/** What a drain says that had nothing to do. */
export const nothing: DrainResult = { succeeded: 0, retry: 0, dead: 0, released: 0, lost: 0 };

/**
 * A worker on a storage whose clock stands still unless it is moved. It is stopped when the test
 * ends, in real time.
 */
export function setUp({ processors, options = {}, faulty = () => ({}) }: SetUp): WorkerUnderTest {
  let time = Date.UTC(2026, 0, 1, 12);
  const memory = memoryStorage({ now: () => time });
  const watched = watchStorage(memory);
  const storage = { ...watched.storage, ...faulty(watched.storage) };
  const log = captureLog();
  // No test waits for a poll unless that is what it is about.
  const start = (more: WorkerOptions = {}): Worker => {
    const worker = createWorker(
      { storage, processors, logger: log.logger },
      { pollMs: hour, ...options, ...more },
    );
    onTestFinished(async () => {
      vi.useRealTimers();
      await worker.stop({ graceMs: 0 });
    });
    return worker;
  };
  return {
    ...watched,
    storage: memory,
    log,
    worker: start(),
    anotherWorker: start,
    advance: (milliseconds) => {
      time += milliseconds;
    },
    accept: async (fields = {}) => {
      const event = await newEvent({ processors: Object.keys(processors), ...fields });
      return (await memory.accept(event)).id;
    },
    delivery: async (id, processor = Object.keys(processors)[0]) => {
      const event = await memory.get(id);
      return event?.deliveries.find((each) => each.processor === processor);
    },
  };
}
