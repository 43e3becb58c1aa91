import type { Plugin } from "../plugin.ts";

/** Traces and metrics, where the package `@opentelemetry/api` is installed beside this one. */
export async function installedTelemetry(): Promise<readonly Plugin[]> {
  const api = await import("@opentelemetry/api").catch(() => undefined);
  if (api === undefined) return [];
  const { openTelemetry } = await import("../open-telemetry.ts");
  return [openTelemetry(api)];
}
