import { retryDelay } from "../backoff.ts";
import { pause } from "../deadline.ts";
import { ImgGoError, isOutcomeUnknown } from "./errors.ts";
import { type Answer, exchange } from "./exchange.ts";
import { createRate } from "./rate.ts";
import { refusal } from "./refusal.ts";

/** What every method of the client takes. */
export interface CallOptions {
  /** Ends the call; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** One call of a caller: however many requests it takes, it ends by its deadline. */
export interface Call {
  readonly signal: AbortSignal | undefined;
  /** By `performance.now()`. */
  readonly deadline: number;
}

/** A request to the API, as often as it may be repeated. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** Behind the base URL, each segment as it is. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly maxBytes: number;
  /** What in the request must not be in a message. */
  readonly hide?: readonly string[];
  /** Takes an answer as good that says it is none. */
  readonly isGood?: (answer: Answer) => boolean;
}

/** Sends requests to ImgGo's API. */
export interface Api {
  /** Begins a call. */
  begin(options?: CallOptions): Call;
  /**
   * The good answer to a request. It waits for its turn, and as ImgGo asks; it repeats what failed
   * for a reason that passes, but a `POST` only when ImgGo has surely not done it.
   *
   * @throws {ImgGoError}
   */
  send(request: ApiRequest, call: Call): Promise<Answer>;
  /** Waits before a further attempt. Throws the error of the one before where time is too short. */
  rest(attempt: number, error: ImgGoError, call: Call): Promise<void>;
}

/** What {@linkcode createApi} takes, complete. */
export interface ApiOptions {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly fetch: typeof fetch;
  readonly requestsPerMinute: number;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
}

/** How often a request is sent at the most. */
const maxAttempts = 4;
const backoff = { firstMs: 250, maxMs: 4_000 };

export function createApi(options: ApiOptions): Api {
  const { apiKey, baseUrl, timeoutMs, deadlineMs } = options;
  const base = baseUrl.replace(/\/+$/, "");
  const rate = createRate(options.requestsPerMinute);
  const remaining = ({ deadline }: Call) => deadline - performance.now();

  /** Waits for a place among the requests of a minute. */
  async function turn(call: Call): Promise<void> {
    call.signal?.throwIfAborted();
    const now = performance.now();
    // Where the time is over already it is not the limit that ends the call.
    const longestMs = Math.max(0, call.deadline - now);
    const at = rate.take(now, longestMs);
    if (at - now > longestMs) throw tooSoon(at - now, options.requestsPerMinute);
    for (let leftMs = at - now; leftMs > 0; leftMs = rate.held(performance.now())) {
      const ends = leftMs > remaining(call);
      if (!ends) await pause(leftMs, call.signal);
      if (ends || call.signal?.aborted) rate.giveBack(at);
      call.signal?.throwIfAborted();
      if (ends) throw tooSoon(leftMs, options.requestsPerMinute);
    }
  }

  async function attempt(request: ApiRequest, call: Call): Promise<Answer> {
    const { method, path, query, body, maxBytes, isGood } = request;
    await turn(call);
    const hidden = [apiKey, ...request.hide ?? []];
    const search = query === undefined ? "" : `?${new URLSearchParams(query)}`;
    const answer = await exchange({
      url: `${base}/${path.map(encodeURIComponent).join("/")}${search}`,
      init: {
        method,
        headers: {
          "Accept": "application/json",
          "Authorization": `Bearer ${apiKey}`,
          "User-Agent": "imggo-webhooks",
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      },
      fetch: options.fetch,
      timeoutMs: Math.min(timeoutMs, Math.max(1, remaining(call))),
      maxBytes,
      signal: call.signal,
      clean: (text) => clean(text, hidden),
    });
    const good = isGood?.(answer) ?? false;
    const error = good ? undefined : refusal(answer, (text) => clean(text, hidden));
    if (error === undefined) return answer;
    if (error.status === 429) rate.hold(performance.now() + (error.retryAfterMs ?? 0));
    throw error;
  }

  async function rest(attempts: number, error: ImgGoError, call: Call): Promise<void> {
    // "At once" would use up all attempts at once.
    const waitMs = Math.max(error.retryAfterMs ?? 0, retryDelay(attempts, backoff));
    if (attempts >= maxAttempts || waitMs >= remaining(call)) throw error;
    await pause(waitMs, call.signal);
    call.signal?.throwIfAborted();
    // A busy machine waits for longer than it is asked.
    if (remaining(call) <= 0) throw error;
  }

  return {
    begin: ({ signal } = {}) => ({ signal, deadline: performance.now() + deadlineMs }),
    rest,
    async send(request, call) {
      let mayBeDone = false;
      for (let attempts = 1;; attempts++) {
        try {
          return await attempt(request, call);
        } catch (error) {
          if (!(error instanceof ImgGoError)) throw error;
          // What an earlier attempt deleted, a later one does not find.
          if (request.method === "DELETE" && mayBeDone && error.status === 404) {
            return { status: 404, headers: new Headers(), json: undefined, isEmpty: true };
          }
          const unknown = isOutcomeUnknown(error) && error.code !== "unreadable_answer";
          mayBeDone ||= unknown;
          const repeatable = error.status === 429 || (unknown && request.method !== "POST");
          if (!repeatable) throw error;
          await rest(attempts, error, call);
        }
      }
    },
  };
}

function tooSoon(waitMs: number, perMinute: number): ImgGoError {
  return new ImgGoError(
    "rate_limited",
    `ImgGo's limit, or that of ${perMinute} requests a minute here, is used up: try again in ${
      Math.ceil(waitMs / 1_000)
    } s, or set requestsPerMinute to what your plan allows.`,
    { retryAfterMs: Math.ceil(waitMs) },
  );
}

/** Text of elsewhere in one short line, without what must not be seen. */
function clean(text: string, hidden: readonly string[]): string {
  const visible = hidden.reduce((part, secret) => part.replaceAll(secret, "[hidden]"), text);
  // Control characters, and those that turn the direction of text, could fake a terminal's output.
  return visible.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu, " ").trim().slice(0, 300);
}
