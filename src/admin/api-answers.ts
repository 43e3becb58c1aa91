import type { ApiError } from "./api-error.ts";

// What is stored is nobody's but the operator's: no cache keeps it, and no browser takes it for a page.
const headers = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
};

const retryAfterSeconds: Readonly<Record<number, number>> = { 429: 1, 503: 5 };

/** JSON for an operator. */
export function answerJson(json: unknown): Response {
  return Response.json(json, { headers });
}

/** An event's bytes, to be kept as a file: whatever they are, nothing shows or runs them. */
export function answerBytes(id: string, bytes: Uint8Array<ArrayBuffer>): Response {
  const name = /^[\w-]+$/.test(id) ? id : "event";
  return new Response(bytes, {
    headers: {
      ...headers,
      "Content-Type": "application/octet-stream",
      "Content-Length": `${bytes.byteLength}`,
      "Content-Disposition": `attachment; filename="${name}.json"`,
      "Content-Security-Policy": "default-src 'none'; sandbox",
    },
  });
}

/** What an operator is told of an error. */
export function answerError({ message, code, status, issues }: ApiError): Response {
  const json = { error: message, code, ...(issues.length > 0 && { issues }) };
  const response = Response.json(json, { status, headers });
  if (status === 401) response.headers.set("WWW-Authenticate", "Bearer");
  // The rest of the body is still on its way; it must not be read as the next request.
  if (status === 408 || status === 413) response.headers.set("Connection", "close");
  const seconds = retryAfterSeconds[status];
  if (seconds !== undefined) response.headers.set("Retry-After", `${seconds}`);
  return response;
}
