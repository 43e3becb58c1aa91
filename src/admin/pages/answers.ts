import type { Links } from "./links.ts";
import { documentOf } from "./layout.ts";
import type { Page } from "./page.ts";

// A page may use its own origin's style, script and icon, and send its forms and fetches there.
const pagePolicy = [
  "default-src 'none'",
  ...["style-src", "script-src", "img-src", "connect-src", "form-action"]
    .map((directive) => `${directive} 'self'`),
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const common = {
  "Cache-Control": "no-store",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  // Not `no-referrer`: with that a form's `Origin` is `null`, and it could not be told from a foreign one.
  "Referrer-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
};

// What else goes with a status. After 408 and 413 the rest of a body is still on its way.
const byStatus: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  408: { "Connection": "close" },
  413: { "Connection": "close" },
  429: { "Retry-After": "1" },
  503: { "Retry-After": "5" },
};

/** A page as an answer. */
export function pageAnswer(page: Page, links: Links, query: URLSearchParams): Response {
  const { status = 200 } = page;
  return new Response(documentOf(page, links, query).toString(), {
    status,
    headers: {
      ...common,
      ...byStatus[status],
      "Content-Security-Policy": pagePolicy,
      "Content-Type": "text/html; charset=utf-8",
    },
  });
}

/** After a form: look there now. Reloading that does nothing again. */
export function seeOther(
  location: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(null, {
    status: 303,
    headers: { ...common, ...headers, Location: location },
  });
}
