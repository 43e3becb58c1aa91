import { within } from "./deadline.ts";
import { WebhookError } from "./errors.ts";
import { readBytes } from "./read-bytes.ts";

/** How much body is read, and for how long. */
export interface BodyLimits {
  /** The most bytes a body may have. */
  readonly maxBytes: number;
  /** How long the whole body may take, in milliseconds from the call. */
  readonly timeoutMs: number;
}

/**
 * A request's raw bytes. They are counted as they stream in, whatever `Content-Length` says, and
 * a platform's own limits and time-outs are not relied on: some runtimes have none.
 *
 * @throws {WebhookError} `payload_too_large` beyond the limit; `body_timeout` when the body is too
 * slow or breaks off.
 */
export async function readBody(
  request: Request,
  limits: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  // Refuses a declared length over the limit early; a false one is caught by counting.
  if (Number(request.headers.get("Content-Length")) > limits.maxBytes) {
    throw new WebhookError("payload_too_large");
  }
  if (request.bodyUsed) {
    throw new TypeError(
      "The request's body was already read: hand the request to the receiver before any body parser.",
    );
  }
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  try {
    return await within(
      collect(reader, limits.maxBytes),
      limits.timeoutMs,
      () => new WebhookError("body_timeout"),
    );
  } catch (error) {
    // Not awaited: a runtime may answer a cancel only when the sender does something.
    reader.cancel().catch(() => {});
    throw error;
  }
}

async function collect(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readBytes(reader, maxBytes).catch((cause: unknown) => {
    throw new WebhookError("body_timeout", {}, { cause });
  });
  if (bytes === undefined) throw new WebhookError("payload_too_large");
  return bytes;
}
