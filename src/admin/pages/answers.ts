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

/** A page as an answer. */
export function pageAnswer(page: Page, links: Links, query: URLSearchParams): Response {
  return new Response(documentOf(page, links, query).toString(), {
    status: page.status ?? 200,
    headers: {
      ...common,
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

/** Bytes of elsewhere: to be saved, never to be shown. */
export function download(bytes: Uint8Array<ArrayBuffer>, name: string): Response {
  return new Response(bytes, {
    headers: {
      ...common,
      "Content-Disposition": `attachment; filename="${name.replace(/[^\w.-]/g, "_")}"`,
      "Content-Security-Policy": "default-src 'none'; sandbox",
      "Content-Type": "application/octet-stream",
    },
  });
}
