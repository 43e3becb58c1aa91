import type { ExpositionFormat } from "./exposition.ts";

const mediaTypes: ReadonlyMap<string, ExpositionFormat> = new Map([
  ["application/openmetrics-text", "openmetrics"],
  ["text/plain", "prometheus"],
]);

/**
 * The format that a client wants most, by its `Accept`. OpenMetrics where it wants both alike, or
 * says nothing of either.
 */
export function acceptedFormat(accept: string | null): ExpositionFormat {
  const wanted = { openmetrics: 0, prometheus: 0 };
  for (const range of (accept ?? "").toLowerCase().split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const format = mediaTypes.get(type);
    if (format === undefined) continue;
    const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
    wanted[format] = Math.max(wanted[format], Number(quality) || 0);
  }
  return wanted.prometheus > wanted.openmetrics ? "prometheus" : "openmetrics";
}
