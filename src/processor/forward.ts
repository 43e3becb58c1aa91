import { importSecret, secretProblem, sign, signatureHeader } from "../signature.ts";
import { eventJson } from "./event-json.ts";
import { judgeAnswer } from "./judge-answer.ts";
import { isPrivateHost } from "./private-host.ts";
import type { Processor } from "./processor.ts";

/** What {@linkcode forward} takes. */
export interface ForwardOptions {
  /** Where to: `https:`, and a public host unless `allowPrivate`. */
  readonly url: string | URL;
  /** Signs what is sent, in ImgGo's own form. Without it nothing is signed. */
  readonly secret?: string;
  /** Allows `http:` and targets at loopback, private and link-local addresses. Default false. */
  readonly allowPrivate?: boolean;
  /** How long the target may take to answer, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
  /** Default the global `fetch`. */
  readonly fetch?: typeof fetch;
}

/**
 * Why an event may not be forwarded to a URL, or `undefined` where it may. The sentence says what
 * was expected; it does not repeat the URL, which may hold credentials.
 *
 * A host name is judged by what it says, not by what it resolves to: no runtime-agnostic way of
 * looking it up exists. The URL is an operator's setting, never part of a payload.
 */
export function forwardProblem(url: string | URL, allowPrivate = false): string | undefined {
  if (!URL.canParse(String(url))) return "expected a whole URL, such as https://example.com/hook";
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:" && protocol !== "http:") return "expected an https: URL";
  if (allowPrivate) return undefined;
  if (protocol === "http:") return "expected an https: URL";
  if (isPrivateHost(hostname)) return "expected a host that is not private";
  return undefined;
}

/**
 * A processor that POSTs the canonical event onward, as JSON, with `Idempotency-Key` (the event's
 * id), `X-Webhook-Attempt` and, given a secret, `X-ImgGo-Signature`.
 *
 * A 2xx is success. 410 is permanent. `Retry-After` (seconds or a date) is honoured up to a day.
 * Any other answer, a redirect too, is tried again with backoff.
 *
 * @throws {TypeError} when the URL or the secret is unfit.
 */
export function forward(options: ForwardOptions): Processor {
  const { allowPrivate = false, secret, timeoutMs = 10_000 } = options;
  const problem = forwardProblem(options.url, allowPrivate) ??
    (secret === undefined ? undefined : secretProblem(secret));
  if (problem !== undefined) throw new TypeError(`forward() cannot use its settings: ${problem}.`);
  const target = new URL(options.url);
  // A URL that holds credentials cannot be fetched; they belong in a header.
  const authorization = basicAuthorization(target);
  let key: CryptoKey | undefined;

  return async (event, { id, attempt, signal }) => {
    const body = eventJson(event);
    const headers = new Headers({
      "Content-Type": "application/json",
      "User-Agent": "imggo-webhooks",
      "Idempotency-Key": id,
      "X-Webhook-Attempt": String(attempt),
    });
    if (authorization !== undefined) headers.set("Authorization", authorization);
    if (secret !== undefined) {
      key ??= await importSecret(secret);
      headers.set(signatureHeader, await sign(body, key));
    }
    const send = options.fetch ?? fetch;
    const response = await send(target, {
      method: "POST",
      headers,
      body,
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    judgeAnswer(response, 410);
  };
}

function basicAuthorization(url: URL): string | undefined {
  const { username, password } = url;
  if (username === "" && password === "") return undefined;
  url.username = "";
  url.password = "";
  const text = `${decoded(username)}:${decoded(password)}`;
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A URL may hold a `%` that begins no escape.
    return text;
  }
}
