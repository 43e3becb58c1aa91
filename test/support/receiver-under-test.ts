import {
  createReceiver,
  type NewEvent,
  type Receiver,
  type ReceiverOptions,
  type Storage,
} from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { onTestFinished, vi } from "vitest";
import { type Answer, readAnswer } from "./answer.ts";
import { type CapturedLog, captureLog } from "./captured-log.ts";
import { secret, signedRequest } from "./signed-request.ts";

const hour = 3_600_000;

/** What {@linkcode setUp} takes: what a test is about; the rest is made up. */
export interface SetUp extends Partial<ReceiverOptions> {
  /** Puts a fault in front of the storage that the receiver sees. */
  readonly faulty?: (storage: Storage) => Partial<Storage>;
}

/** A receiver, and what a test does with it and sees of it. */
export interface ReceiverUnderTest {
  readonly receiver: Receiver;
  /** The storage without the faults. */
  readonly storage: Storage;
  /** What reached the storage. */
  readonly accepted: readonly NewEvent[];
  readonly log: CapturedLog;
  /** Sends this, signed. */
  readonly send: (payload: unknown, headers?: Record<string, string>) => Promise<Answer>;
}

/**
 * A receiver over a storage in memory that polls for nothing by itself. It is stopped when the test
 * ends, in real time and without mocks.
 */
export function setUp(
  { faulty = () => ({}), storage = memoryStorage(), ...options }: SetUp = {},
): ReceiverUnderTest {
  const log = captureLog();
  const accepted: NewEvent[] = [];
  const kept: Storage = {
    ...storage,
    async accept(event, signal, lease) {
      accepted.push(event);
      return await storage.accept(event, signal, lease);
    },
  };
  const receiver = createReceiver({
    secret,
    storage: { ...kept, ...faulty(kept) },
    logger: log.logger,
    worker: { pollMs: hour },
    ...options,
  });
  onTestFinished(async () => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    await receiver.stop();
  });
  return {
    receiver,
    storage,
    accepted,
    log,
    send: async (payload, headers) =>
      await readAnswer(
        await receiver.fetch(await signedRequest(payload, headers ? { headers } : {})),
      ),
  };
}
