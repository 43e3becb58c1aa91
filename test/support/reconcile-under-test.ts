import {
  createReceiver,
  type Receiver,
  type ReceiverOptions,
  type Storage,
  type WebhookEvent,
} from "imggo-webhooks";
import { createImgGoClient, type ImgGoClient } from "imggo-webhooks/imggo";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { onTestFinished } from "vitest";
import { listen } from "../../src/entry/listen/node.ts";
import { type CapturedLog, captureLog } from "./captured-log.ts";
import { type ImgGoService, startImgGoService } from "./imggo-service.ts";
import { createQueue, type Queue } from "./queue.ts";
import { secret } from "./signed-request.ts";

/** What {@linkcode setUp} takes: what a test is about; the rest is made up. */
export interface SetUp extends Omit<Partial<ReceiverOptions>, "imggo"> {
  /** False: no client. */
  readonly imggo?: ImgGoClient | false;
  /** How long a call of the client may take, in milliseconds. Default 5,000. */
  readonly deadlineMs?: number;
  /** Puts a fault in front of the storage that the receiver sees. */
  readonly faulty?: (storage: Storage) => Partial<Storage>;
}

/** A receiver, ImgGo, and what goes on between them. */
export interface ReconcileUnderTest {
  readonly service: ImgGoService;
  readonly receiver: Receiver;
  /** Without the faults. */
  readonly storage: Storage;
  /** Its clock. */
  readonly advance: (milliseconds: number) => void;
  /** What the processor was given, in order. */
  readonly processed: Queue<WebhookEvent>;
  readonly log: CapturedLog;
  /** The paths that ImgGo's API was asked for. */
  readonly asked: () => string[];
  /** The state in which the storage has what is awaited, by job. */
  readonly awaited: () => Promise<
    Map<string, { asked: number; inMs: number | null; error: string | null }>
  >;
}

/** A receiver on HTTP over a storage in memory, and a stand-in of ImgGo where it is registered. */
export async function setUp(
  { deadlineMs = 5_000, faulty = () => ({}), imggo: given, ...options }: SetUp = {},
): Promise<ReconcileUnderTest> {
  const service = await startImgGoService();
  const imggo = given ??
    createImgGoClient({ ...service, requestsPerMinute: 10_000, deadlineMs });
  const log = captureLog();
  let offset = 0;
  const now = () => Date.now() + offset;
  const storage = options.storage ?? memoryStorage({ now });
  const processed = createQueue<WebhookEvent>();
  const receiver = createReceiver({
    secret,
    processors: { a: (event) => processed.push(event) },
    logger: log.logger,
    ...(imggo && { imggo }),
    ...options,
    storage: { ...storage, ...faulty(storage) },
  });
  const server = await listen(receiver, { hostname: "127.0.0.1", port: 0 });
  service.addWebhook({ url: `http://127.0.0.1:${server.port}/webhook`, secret });
  onTestFinished(async () => {
    await receiver.stop();
    await server.close();
    await service.close();
  });
  return {
    service,
    receiver,
    storage,
    advance: (milliseconds) => offset += milliseconds,
    processed,
    log,
    asked: () => service.requests.map(({ path }) => path),
    async awaited() {
      const { expectations } = await storage.expectations.list({ limit: 1_000 });
      return new Map(expectations.map(({ jobId, asked, askAt, lastError }) => [jobId, {
        asked,
        inMs: askAt === null ? null : 1_000 * Math.max(0, Math.round((askAt - now()) / 1_000)),
        error: lastError,
      }]));
    },
  };
}
