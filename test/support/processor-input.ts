import { parseEvent, type ProcessorContext, type WebhookEvent } from "imggo-webhooks";
import { silentLogger } from "../../src/logger.ts";
import { toBytes } from "./wire.ts";

/** What a processor is told beside an event: of a first attempt that nothing interrupts. */
export function contextOf(
  id = "evt_1",
  signal: AbortSignal = new AbortController().signal,
): ProcessorContext {
  return { id, attempt: 1, fence: 1, signal, receivedAt: new Date(0), log: silentLogger };
}

/** The event that the receiver makes of a payload. */
export function canonical(payload: unknown): WebhookEvent {
  const parsed = parseEvent(toBytes(payload));
  if (parsed.state !== "accepted") throw new Error("expected an event");
  return parsed.event;
}
