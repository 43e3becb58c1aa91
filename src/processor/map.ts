import type { WebhookEvent } from "../event.ts";
import type { Processor, ProcessorContext } from "./processor.ts";

/**
 * A processor that gets another thing made of the event: the event with a changed result, for
 * instance. What is stored stays as it came.
 *
 * @param change Makes it, anew at each attempt. Where it throws, the attempt fails.
 *
 * @example
 * ```ts
 * const menus = map(
 *   parseManifest, // of imggo-webhooks/manifest
 *   handlers({ "job.succeeded": (event) => console.log(event.data.result) }),
 * );
 * ```
 */
export function map<Mapped>(
  change: (event: WebhookEvent, context: ProcessorContext) => Mapped | Promise<Mapped>,
  processor: {
    (mapped: Mapped, context: ProcessorContext): unknown;
    readonly transactional?: true;
  },
): Processor {
  const mapped: Processor = async (event, context) =>
    await processor(await change(event, context), context);
  // It runs as the one that it is around.
  return Object.assign(mapped, processor.transactional && { transactional: true as const });
}
