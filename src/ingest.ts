import { createAccept } from "./accept.ts";
import { statusOf } from "./answer.ts";
import { type ParsedEvent, parseEvent, type WebhookEvent } from "./event.ts";
import type { Logger } from "./logger.ts";
import { newEvent } from "./new-event.ts";
import {
  importSecret,
  parseSignature,
  type SecretKey,
  sign,
  type VerifiedBytes,
  verifySignature,
} from "./signature.ts";
import type { Acceptance, EventOrigin, NewEvent, Storage } from "./storage/storage.ts";
import type { Observer, Span, Tracer } from "./telemetry.ts";
import type { Worker } from "./worker.ts";

/** What {@linkcode createIngest} takes. */
export interface IngestOptions {
  readonly storage: Storage;
  /** Any of them may sign. The first one is the current one. */
  readonly secrets: readonly string[];
  /** Makes what checks signatures by a secret. */
  readonly secretKey: ((secret: string) => SecretKey) | undefined;
  /** The names of the processors that get an event. */
  readonly processors: readonly string[];
  readonly dedupeKey: (event: WebhookEvent) => string;
  readonly observer: Required<Observer>;
  readonly tracer: Tracer;
}

/** How bytes came. */
export interface Circumstances {
  readonly origin: EventOrigin;
  /** The time of receipt, in milliseconds since 1970. */
  readonly receivedAt: number;
  /** Until when it must be stored, by `performance.now()`. */
  readonly deadline: number;
  readonly log: Logger;
  /** Keeps room for what is stored, where it is to be run here at once. */
  readonly reserve?: Worker["reserve"] | undefined;
}

/** What became of bytes. */
export interface Ingested {
  readonly parsed: ParsedEvent;
  readonly event: NewEvent;
  readonly stored: Acceptance;
}

/** The one way into the storage: verified, parsed, given a key, stored. */
export interface Ingest {
  /**
   * Takes bytes with their signature.
   *
   * @throws {WebhookError} `invalid_signature`, before anything is parsed; `storage_unavailable`.
   */
  signed(
    bytes: Uint8Array<ArrayBuffer>,
    signature: Uint8Array<ArrayBuffer>,
    circumstances: Circumstances,
  ): Promise<Ingested>;
  /**
   * Takes an event that this process itself got from ImgGo, as if ImgGo had sent and signed it.
   *
   * @throws {WebhookError} `storage_unavailable`.
   */
  own(event: WebhookEvent, circumstances: Circumstances): Promise<Ingested>;
}

export function createIngest(
  { storage, secrets, secretKey, processors, dedupeKey, observer, tracer }: IngestOptions,
): Ingest {
  const accept = createAccept(storage);
  let keys: readonly (CryptoKey | SecretKey)[] | undefined = secretKey && secrets.map(secretKey);
  // Imported in a request: some runtimes allow no cryptography before the first one.
  const imported = async () => keys ??= await Promise.all(secrets.map(importSecret));

  const store = async (
    parsed: ParsedEvent,
    verified: VerifiedBytes,
    { origin, receivedAt, deadline, log, reserve }: Circumstances,
    span: Span,
  ): Promise<Ingested> => {
    const { traceParent } = span;
    const event = await newEvent(parsed, verified, {
      origin,
      receivedAt,
      processors,
      dedupeKey,
      traceParent,
      log,
    });
    const startedAt = performance.now();
    const room = event.processors.length > 0 ? reserve?.() : undefined;
    const stored = await accept(event, deadline - startedAt, log, room?.lease).catch((error) => {
      room?.run([]);
      span.fail("not stored");
      throw error;
    });
    const { claims = [] } = stored;
    // Each processor may change what it gets.
    room?.run(
      claims,
      claims.length === 1 && parsed.state === "accepted" ? parsed.event : undefined,
    );
    const { id, state, duplicate } = stored;
    const durationMs = performance.now() - startedAt;
    observer.accepted({ event: event.event, state, origin, duplicate, durationMs });
    span.set({ "imggo.event.id": id, "imggo.event.state": state, "imggo.duplicate": duplicate });
    logAcceptance(parsed, event, stored, log);
    return { parsed, event, stored };
  };

  const signed: Ingest["signed"] = async (bytes, signature, circumstances) => {
    const { origin, receivedAt } = circumstances;
    const verified = await verifySignature(bytes, signature, keys ?? await imported());
    const parsed = parseEvent(verified, receivedAt);
    const span = {
      name: "imggo_webhooks accept",
      kind: "internal",
      attributes: { "imggo.event.origin": origin },
    } as const;
    return await tracer.trace(span, (span) => store(parsed, verified, circumstances, span));
  };

  return {
    signed,
    async own(event, circumstances) {
      const bytes = new TextEncoder().encode(JSON.stringify(event));
      const [current] = secrets;
      const signature = parseSignature(await sign(bytes, current as string));
      return await signed(bytes, signature, circumstances);
    },
  };
}

function logAcceptance(
  parsed: ParsedEvent,
  { event, jobId }: NewEvent,
  { id, state, duplicate, identical }: Acceptance,
  log: Logger,
): void {
  if (parsed.state === "quarantined") {
    log.warn("event quarantined", { id, code: parsed.code, duplicate });
    return;
  }
  const fields = { id, event, job_id: jobId, state };
  if (!identical) log.warn("duplicate with other bytes, the first is kept", fields);
  log.info(`event ${statusOf(parsed, duplicate)}`, fields);
}
