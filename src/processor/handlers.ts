import type { JobFailedEvent, JobSucceededEvent, WebhookEvent } from "../event.ts";
import type { ProcessorContext } from "./processor.ts";

/** A function for each kind of event. An event without a function counts as handled. */
export interface Handlers<Context extends ProcessorContext = ProcessorContext> {
  readonly "job.succeeded"?: (event: JobSucceededEvent, context: Context) => unknown;
  readonly "job.failed"?: (event: JobFailedEvent, context: Context) => unknown;
}

const names: readonly string[] = ["job.succeeded", "job.failed"] satisfies (keyof Handlers)[];

/**
 * A processor of one function for each kind of event.
 *
 * @throws {TypeError} when a name is not that of an event, or has no function.
 *
 * @example
 * ```ts
 * const invoices = handlers({
 *   "job.succeeded": async (event, { id }) => await save(id, event.data.result),
 *   "job.failed": (event, { log }) => log.warn("No invoice", { reason: event.data.error.code }),
 * });
 * ```
 */
export function handlers<Context extends ProcessorContext = ProcessorContext>(
  functions: Handlers<Context>,
): (event: WebhookEvent, context: Context) => unknown {
  for (const [name, value] of Object.entries(functions)) {
    if (!names.includes(name) || (value !== undefined && typeof value !== "function")) {
      throw new TypeError(`handlers() expects functions for ${names.join(" and ")}, got "${name}"`);
    }
  }
  return (event, context) =>
    event.event === "job.succeeded"
      ? functions["job.succeeded"]?.(event, context)
      : functions["job.failed"]?.(event, context);
}
