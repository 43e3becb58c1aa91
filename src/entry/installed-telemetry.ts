import { openTelemetry } from "../open-telemetry.ts";
import type { Plugin } from "../plugin.ts";

/** Traces and metrics, where the package `@opentelemetry/api` is installed beside this one. */
export async function installedTelemetry(): Promise<readonly Plugin[]> {
  const api = await import("@opentelemetry/api").catch(() => undefined);
  return api === undefined ? [] : [openTelemetry(api)];
}
