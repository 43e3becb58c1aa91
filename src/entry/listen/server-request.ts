import { type BodyLimits, readBody } from "../../body.ts";
import { within } from "../../deadline.ts";
import { WebhookError } from "../../errors.ts";
import type { WebhookRequest } from "../../webhook.ts";

/**
 * A Fetch request as the webhook asks for it, of an HTTP server that itself reads no more of a body
 * than its `Content-Length` says.
 */
export function serverRequest(request: Request): WebhookRequest {
  const header: WebhookRequest["header"] = (name) => request.headers.get(name);
  return {
    header,
    body: (limits) =>
      isBounded(header, limits.maxBytes) ? wholeBody(request, limits) : readBody(request, limits),
  };
}

/** Whether the server's framing keeps a body within the limit. One that is chunked has to be counted. */
function isBounded(header: WebhookRequest["header"], maxBytes: number): boolean {
  const length = header("Content-Length");
  return length !== null && /^\d+$/.test(length) && Number(length) <= maxBytes &&
    header("Transfer-Encoding") === null;
}

/** At once: a server that is not asked for a stream makes none, which saves Bun a third of its time. */
async function wholeBody(
  request: Request,
  { maxBytes, timeoutMs }: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  const reading = request.arrayBuffer().catch((cause: unknown) => {
    throw new WebhookError("body_timeout", {}, { cause });
  });
  const bytes = new Uint8Array(
    await within(reading, timeoutMs, () => new WebhookError("body_timeout")),
  );
  if (bytes.byteLength > maxBytes) throw new WebhookError("payload_too_large");
  return bytes;
}
