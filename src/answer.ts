import { WebhookError, type WebhookErrorCode } from "./errors.ts";
import type { ParsedEvent } from "./event.ts";
import type { Acceptance } from "./storage/storage.ts";

/** What a request is told, as data: a runtime makes of it what it sends. */
export interface Answer {
  /** The HTTP status. */
  readonly status: number;
  /** The headers, by name. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body: string;
}

const retryAfterSeconds = 5;

// After these the rest of a body is still on its way; it must not be read as the next request.
const closing: readonly WebhookErrorCode[] = ["body_timeout", "payload_too_large"];

/** What the sender of a signed request is told, now that it is stored. */
export function answer(parsed: ParsedEvent, { id, duplicate }: Acceptance): Answer {
  if (parsed.state === "quarantined") {
    const { code, issues } = parsed;
    return refuse(new WebhookError(code, code === "invalid_payload" ? { id, issues } : { id }));
  }
  return json(200, { status: statusOf(parsed, duplicate), id });
}

/** What became of a request that was understood. */
export function statusOf(
  parsed: ParsedEvent,
  duplicate: boolean,
): "received" | "duplicate" | "ignored" {
  return duplicate ? "duplicate" : parsed.state === "ignored" ? "ignored" : "received";
}

/** What a sender is told of an error. */
export function refuse({ message, code, status, details }: WebhookError): Answer {
  return json(status, { error: message, code, ...details }, {
    ...(code === "storage_unavailable" && { "Retry-After": `${retryAfterSeconds}` }),
    ...(closing.includes(code) && { "Connection": "close" }),
  });
}

/** The same with one more header. */
export function withHeader(answer: Answer, name: string, value: string): Answer {
  return { ...answer, headers: { ...answer.headers, [name]: value } };
}

/** The same for Fetch. */
export function toResponse({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers });
}

function json(status: number, value: object, headers?: Record<string, string>): Answer {
  return {
    status,
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(value),
  };
}
