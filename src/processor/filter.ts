import type { WebhookEvent } from "../event.ts";
import type { Processor, ProcessorContext } from "./processor.ts";

/**
 * A processor that gets only some events: of the others it is done at once, for good. To give it one
 * of those after all, change the filter and redeliver the event.
 *
 * @param keep Whether an event is for the processor. Where it throws, the attempt fails.
 *
 * @example
 * ```ts
 * const invoices = filter(
 *   (event) => event.data.pattern_id === "6b1f3c2a-8d5e-4f0a-9c7b-2e1d0f9a8b7c",
 *   forward({ url: "https://books.example.com/invoices" }),
 * );
 * ```
 */
export function filter(
  keep: (event: WebhookEvent, context: ProcessorContext) => boolean | Promise<boolean>,
  processor: Processor,
): Processor {
  const filtered: Processor = async (event, context) =>
    await keep(event, context) ? await processor(event, context) : undefined;
  // It runs as the one that it is around.
  return Object.assign(filtered, processor.transactional && { transactional: true as const });
}
