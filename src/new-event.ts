import { createEventId } from "./event-id.ts";
import { defaultDedupeKey, type ParsedEvent, type WebhookEvent } from "./event.ts";
import { toHex } from "./hex.ts";
import type { Logger } from "./logger.ts";
import type { VerifiedBytes } from "./signature.ts";
import type { EventOrigin, NewEvent } from "./storage/storage.ts";

/** What {@linkcode newEvent} goes by. */
export interface NewEventOptions {
  readonly origin: EventOrigin;
  /** The time of receipt, in milliseconds since 1970. */
  readonly receivedAt: number;
  /** The names of those that get an accepted event. */
  readonly processors: readonly string[];
  /** Where it throws or gives no fit key, the default is used: a result is not lost to it. */
  readonly dedupeKey: (event: WebhookEvent) => string;
  /** As `NewEvent` has it. */
  readonly traceParent: string | null;
  readonly log: Logger;
}

/** What is to be stored of verified bytes, whatever they turned out to be. */
export async function newEvent(
  parsed: ParsedEvent,
  body: VerifiedBytes,
  { origin, receivedAt, processors, dedupeKey, traceParent, log }: NewEventOptions,
): Promise<NewEvent> {
  const common = { id: createEventId(receivedAt), origin, receivedAt, body, traceParent };
  if (parsed.state === "accepted") {
    const { event, data } = parsed.event;
    return {
      ...common,
      state: parsed.state,
      key: keyOf(parsed.event, dedupeKey, log),
      event,
      jobId: data.job_id,
      patternId: data.pattern_id,
      processors,
    };
  }
  // Known by its bytes, and by its state: once a later version understands the same bytes, they are
  // no duplicate.
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  const ignored = parsed.state === "ignored";
  return {
    ...common,
    state: parsed.state,
    key: `${parsed.state}:${toHex(digest)}`,
    event: ignored ? parsed.name : null,
    jobId: ignored ? parsed.jobId : null,
    patternId: null,
    processors: [],
  };
}

function keyOf(event: WebhookEvent, dedupeKey: NewEventOptions["dedupeKey"], log: Logger): string {
  try {
    const key: unknown = dedupeKey(event);
    if (typeof key === "string" && isKey(key)) return key;
  } catch {
    // Logged below.
  }
  log.error("dedupeKey gave no text of 1 to 1000 characters without controls: default used");
  return defaultDedupeKey(event);
}

/** Whether every storage keeps this text apart from every other. */
function isKey(text: string): boolean {
  // What has no UTF-8 form is stored like another text, and some storages end text at a NUL.
  return /^\P{Cc}{1,1000}$/u.test(text) && text.isWellFormed();
}
