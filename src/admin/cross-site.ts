/** Where a request comes from, as far as a browser says. */
export type RequestSource = "same-origin" | "foreign" | "unknown";

/**
 * Where a request comes from, by what a browser says of it and no page can change.
 *
 * `Sec-Fetch-Site` is believed first, but it is not sent to `http:` on another machine. Then the host
 * of `Origin` is compared: not its scheme, which is another behind a proxy that ends TLS. A proxy may
 * also tell the host in `X-Forwarded-Host`; to send that header to another origin a page would need
 * leave, which nobody gets here.
 */
export function sourceOf(request: Request): RequestSource {
  const site = request.headers.get("Sec-Fetch-Site");
  if (site === "same-origin") return "same-origin";
  if (site === "same-site" || site === "cross-site") return "foreign";
  const origin = request.headers.get("Origin");
  if (origin === null) return "unknown";
  const from = parse(origin);
  if (from === undefined || !/^https?:$/.test(from.protocol)) return "foreign";
  const forwarded = request.headers.get("X-Forwarded-Host")?.split(",")[0]?.trim();
  const hosts = [new URL(request.url).host, forwarded]
    // By the origin's scheme, so that a default port counts as none.
    .map((host) => host ? parse(`${from.protocol}//${host}`)?.host : undefined);
  return hosts.includes(from.host) ? "same-origin" : "foreign";
}

function parse(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}
