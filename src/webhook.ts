import { type Answer, answer, statusOf } from "./answer.ts";
import type { BodyLimits } from "./body.ts";
import { WebhookError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import type { FollowUp } from "./follow-up.ts";
import type { Ingest } from "./ingest.ts";
import type { RejectionKeeper } from "./rejections.ts";
import { parseSignature, signatureHeader } from "./signature.ts";
import type { Worker } from "./worker.ts";

/** What is asked of a request to the webhook, whatever made it: less than a Fetch `Request`. */
export interface WebhookRequest {
  /** A header's value; several of one name as one, joined by `, `. Null where there is none. */
  header(name: string): string | null;
  /**
   * The raw bytes of the body.
   *
   * @throws {WebhookError} `payload_too_large` beyond the limit; `body_timeout` when the body is too
   * slow or breaks off.
   */
  body(limits: BodyLimits): Promise<Uint8Array<ArrayBuffer>>;
}

/** What {@linkcode createWebhook} takes. */
export interface WebhookOptions {
  readonly ingest: Ingest;
  readonly announce: FollowUp["announce"];
  /** Undefined: what is refused for its signature is not kept. */
  readonly keeper: RejectionKeeper | undefined;
  /** Undefined: nothing is run here at once. */
  readonly reserve: Worker["reserve"] | undefined;
  readonly maxBodyBytes: number;
}

/** Receives one request: read, verified, parsed, stored, and then answered. */
export type Webhook = (request: WebhookRequest, exchange: Exchange) => Promise<Answer>;

// ImgGo waits 5 s for an answer; the answer needs some of it to get there.
const answerWithinMs = 4_500;
// A body as slow as this leaves the storage the rest.
const bodyWithinMs = 4_000;

/**
 * Makes the webhook's route.
 *
 * @throws {WebhookError} by the promise of what it gives back, where a request is refused.
 */
export function createWebhook(
  { ingest, announce, keeper, reserve, maxBodyBytes }: WebhookOptions,
): Webhook {
  const limits = { maxBytes: maxBodyBytes, timeoutMs: bodyWithinMs };

  return async (request, exchange) => {
    const { receivedAt, startedAt, log, context } = exchange;
    refuseEncoding(request.header("Content-Encoding"));
    const signature = parseSignature(request.header(signatureHeader));
    const bytes = await request.body(limits);
    if (bytes.length === 0 && Number(request.header("Content-Length")) > 0) {
      log.warn("the body is empty: did a body parser read it before?");
    }
    const deadline = startedAt + answerWithinMs;
    const circumstances = { origin: "webhook" as const, receivedAt, deadline, log, reserve };
    const ingested = await ingest.signed(bytes, signature, circumstances).catch((error) => {
      const isForged = error instanceof WebhookError && error.code === "invalid_signature";
      const kept = isForged && keeper?.keep({ receivedAt, signature, bytes });
      if (kept) context?.waitUntil?.(kept);
      throw error;
    });
    // Not awaited: the answer waits for nothing more.
    void announce(ingested, context);
    const { parsed, stored } = ingested;
    exchange.code = parsed.state === "quarantined"
      ? parsed.code
      : statusOf(parsed, stored.duplicate);
    return answer(parsed, stored);
  };
}

function refuseEncoding(encoding: string | null): void {
  if (encoding && encoding.trim().toLowerCase() !== "identity") {
    throw new WebhookError("unsupported_encoding");
  }
}
