import { WebhookError, type WebhookErrorCode } from "./errors.ts";
import type { ParsedEvent } from "./event.ts";
import type { Acceptance } from "./storage/storage.ts";

const retryAfterSeconds = 5;

// After these the rest of a body is still on its way; it must not be read as the next request.
const closing: readonly WebhookErrorCode[] = ["body_timeout", "payload_too_large"];

/** What the sender of a signed request is told, now that it is stored. */
export function answer(parsed: ParsedEvent, { id, duplicate }: Acceptance): Response {
  if (parsed.state === "quarantined") {
    const { code, issues } = parsed;
    return refuse(new WebhookError(code, code === "invalid_payload" ? { id, issues } : { id }));
  }
  return Response.json({ status: statusOf(parsed, duplicate), id });
}

/** What became of a request that was understood. */
export function statusOf(
  parsed: ParsedEvent,
  duplicate: boolean,
): "received" | "duplicate" | "ignored" {
  return duplicate ? "duplicate" : parsed.state === "ignored" ? "ignored" : "received";
}

/** What a sender is told of an error. */
export function refuse({ message, code, status, details }: WebhookError): Response {
  const response = Response.json({ error: message, code, ...details }, { status });
  if (code === "storage_unavailable") response.headers.set("Retry-After", `${retryAfterSeconds}`);
  if (closing.includes(code)) response.headers.set("Connection", "close");
  return response;
}
