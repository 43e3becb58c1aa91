import type { Logger } from "../logger.ts";
import type { Plugin } from "../plugin.ts";

// Where an SDK, or Deno with `OTEL_DENO=true`, leaves what the API's package finds.
const registered = Symbol.for("opentelemetry.js.api.1");

/**
 * Traces and metrics, where the package `@opentelemetry/api` is installed beside this one. Where it is
 * not, although somebody waits for what it would hand on, that is logged.
 */
export async function installedTelemetry(logger: Logger): Promise<readonly Plugin[]> {
  const api = await import("@opentelemetry/api").catch(() => undefined);
  if (api === undefined) {
    if (registered in globalThis) {
      logger.warn("OpenTelemetry gets nothing: expected the package @opentelemetry/api", {
        install: "npm install @opentelemetry/api",
      });
    }
    return [];
  }
  const { openTelemetry } = await import("../open-telemetry.ts");
  return [openTelemetry(api)];
}
