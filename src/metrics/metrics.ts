import type { PluginHost } from "../plugin.ts";
import type { Observer } from "../telemetry.ts";
import { acceptedFormat } from "./accepted-format.ts";
import { contentTypes, exposition, type ExpositionFormat } from "./exposition.ts";
import { createRecorder } from "./recorder.ts";
import { createRegistry } from "./registry.ts";
import { readStorageGauges, type StorageGauges } from "./storage-gauges.ts";

/** Counts what receivers tell, for as long as it lives: longer than they do, where each request has one. */
export interface Metrics {
  readonly observer: Required<Observer>;
  /**
   * All metrics as text.
   *
   * @param processors The names of those whose series are told also before they have run.
   */
  render(
    storage: StorageGauges,
    processors: readonly string[],
    format: ExpositionFormat,
  ): string;
}

/** Makes metrics that have counted nothing. */
export function createMetrics(): Metrics {
  const registry = createRegistry();
  return {
    observer: createRecorder(registry),
    render(storage, processors, format) {
      registry.know(processors);
      return exposition(registry, storage, format);
    },
  };
}

/**
 * Answers a scrape, in the format that it asks for, within 5 s. Where the storage fails or is
 * too slow, what was counted here is told all the same. Who may ask is for the caller to know.
 */
export async function answerMetrics(
  metrics: Metrics,
  { storage, processors }: Pick<PluginHost, "storage" | "processors">,
  request: Request,
): Promise<Response> {
  const format = acceptedFormat(request.headers.get("Accept"));
  const text = metrics.render(await readStorageGauges(storage), processors, format);
  return new Response(text, {
    headers: {
      "Content-Type": contentTypes[format],
      "Cache-Control": "no-store",
      "Vary": "Accept",
      "X-Content-Type-Options": "nosniff",
    },
  });
}
