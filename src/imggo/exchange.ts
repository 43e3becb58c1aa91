import { within } from "../deadline.ts";
import { describeError } from "../describe-error.ts";
import { parseJson } from "../parse-json.ts";
import { readBytes } from "../read-bytes.ts";
import { ImgGoError } from "./errors.ts";

/** One HTTP request, and what bounds it. */
export interface Exchange {
  readonly url: string;
  readonly init: RequestInit;
  readonly fetch: typeof fetch;
  /** For the whole of it, in milliseconds. */
  readonly timeoutMs: number;
  /** The most bytes that are read of the answer. */
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
  /** Makes text of elsewhere fit for a message. */
  readonly clean: (text: string) => string;
}

/** What was answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** What the body says; undefined where it is no JSON, or too large. */
  readonly json: unknown;
  readonly isEmpty: boolean;
}

/**
 * Sends one request and reads its answer.
 *
 * @throws {ImgGoError} `network_error` or `timeout`; `unreadable_answer` for a redirect, and for a
 * good answer that is too large.
 */
export async function exchange(request: Exchange): Promise<Answer> {
  const { timeoutMs, signal, clean } = request;
  // Not `AbortSignal.any`: this one ends with the request, however long the caller's lives.
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener("abort", abort);
  const late = () =>
    new ImgGoError(
      "timeout",
      `ImgGo did not answer within ${Math.ceil(timeoutMs / 1_000)} s: try again later.`,
    );
  try {
    return await within(answerOf(request, controller.signal), timeoutMs, late);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof ImgGoError) throw error;
    // No `cause`: nobody knows what a `fetch` keeps in its errors.
    throw new ImgGoError(
      "network_error",
      `ImgGo could not be reached: ${clean(describeError(error))}. Check the network and ` +
        "IMGGO_BASE_URL.",
    );
  } finally {
    signal?.removeEventListener("abort", abort);
    controller.abort();
  }
}

async function answerOf(
  { url, init, fetch, maxBytes }: Exchange,
  signal: AbortSignal,
): Promise<Answer> {
  // Whoever a redirect names would get the key.
  const response = await fetch(url, { ...init, redirect: "manual", signal });
  const { status, headers } = response;
  if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
    throw new ImgGoError(
      "unreadable_answer",
      "ImgGo's API answered with a redirect, which is not followed, for the API key would go " +
        "with it: expected IMGGO_BASE_URL to be the API's own URL.",
      { status: status || 302 },
    );
  }
  const bytes = response.body === null
    ? new Uint8Array(0)
    : await readBytes(response.body.getReader(), maxBytes);
  if (bytes === undefined && response.ok) {
    throw new ImgGoError(
      "unreadable_answer",
      `Expected an answer of at most ${maxBytes} bytes; ImgGo's was larger.`,
      { status },
    );
  }
  return {
    status,
    headers,
    json: bytes === undefined ? undefined : parseJson(bytes),
    isEmpty: bytes?.byteLength === 0,
  };
}
