import * as v from "valibot";
import { pause, within } from "../deadline.ts";
import { describeError } from "../describe-error.ts";
import { parseJson } from "../parse-json.ts";
import { readBytes } from "../read-bytes.ts";
import { parseRetryAfter } from "../retry-after.ts";
import { refusalOf, type ServerAnswer } from "./server-refusal.ts";
import { type Server, ServerError } from "./server.ts";

/** One call of the admin API. */
export interface Call {
  readonly method: "GET" | "POST";
  /** Behind `/admin/api`, each segment as it is. */
  readonly path: readonly string[];
  readonly query?: URLSearchParams;
  readonly body?: object;
}

/** Calls the admin API of one server. */
export interface Caller {
  /** A JSON answer of a form. */
  json<T>(schema: v.GenericSchema<unknown, T>, call: Call, timeoutMs: number): Promise<T>;
  /** The bytes of an answer that is an attachment. */
  attachment(call: Call, timeoutMs: number): Promise<Uint8Array<ArrayBuffer>>;
}

// As often as it is worth somebody's while.
const maxAttempts = 4;
const longestWaitMs = 30_000;
// "At once" would use up all attempts at once.
const shortestWaitMs = 1_000;
// The largest body that a receiver may be set to take.
const maxBytes = 64 * 1_048_576;

export function createCaller({ url, token, fetch, onWait }: Server & {
  readonly fetch: typeof globalThis.fetch;
  readonly onWait: (waitMs: number) => void;
}): Caller {
  const base = url.replace(/\/+$/, "");

  const send = async (
    { method, path, query, body }: Call,
    signal: AbortSignal,
  ): Promise<ServerAnswer> => {
    const target = new URL(`${base}/admin/api/${path.map(encodeURIComponent).join("/")}`);
    if (query !== undefined) target.search = String(query);
    const response = await fetch(target, {
      method,
      headers: {
        "Accept": "application/json, application/octet-stream",
        "Authorization": `Bearer ${token}`,
        "User-Agent": "imggo-webhooks",
        ...(body !== undefined && { "Content-Type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // Whoever a redirect names would get the token.
      redirect: "manual",
      signal,
    });
    const bytes = response.body === null
      ? new Uint8Array(0)
      : await readBytes(response.body.getReader(), maxBytes);
    if (bytes === undefined) throw unreadable(`is larger than ${maxBytes} bytes`);
    return { status: response.status, headers: response.headers, bytes };
  };

  const sendInTime = async (call: Call, timeoutMs: number): Promise<ServerAnswer> => {
    const controller = new AbortController();
    const late = () =>
      new ServerError("timeout", `${base} did not answer within ${timeoutMs / 1_000} s.`);
    try {
      return await within(send(call, controller.signal), timeoutMs, late);
    } catch (error) {
      if (error instanceof ServerError) throw error;
      // No `cause`: nobody knows what a `fetch` keeps in its errors.
      const reason = describeError(error).replaceAll(token, "[hidden]").replace(/\.$/, "");
      throw new ServerError(
        "unreachable",
        `No answer from ${base}: ${reason}. Does a server run there?`,
      );
    } finally {
      controller.abort();
    }
  };

  /** The good answer to a call, which is made again while the server asks for that. */
  const goodAnswer = async (call: Call, timeoutMs: number): Promise<ServerAnswer> => {
    for (let attempt = 1;; attempt++) {
      const answer = await sendInTime(call, timeoutMs);
      if (answer.status >= 200 && answer.status < 300) return answer;
      const askedMs = parseRetryAfter(answer.headers.get("Retry-After")) ?? 0;
      const waitMs = Math.max(askedMs, shortestWaitMs);
      const isBusy = answer.status === 429 || answer.status === 503;
      if (!isBusy || attempt === maxAttempts || waitMs > longestWaitMs) {
        throw refusalOf(answer, { url: base, token });
      }
      onWait(waitMs);
      await pause(waitMs);
    }
  };

  const unreadable = (how: string) =>
    new ServerError(
      "unreadable_answer",
      `The answer of ${base} ${how}: is a receiver of this version there?`,
    );

  return {
    async json(schema, call, timeoutMs) {
      const parsed = v.safeParse(schema, parseJson((await goodAnswer(call, timeoutMs)).bytes));
      if (parsed.success) return parsed.output;
      const at = v.getDotPath(parsed.issues[0]);
      throw unreadable(at === null ? "is no JSON of a receiver" : `has another form at ${at}`);
    },
    async attachment(call, timeoutMs) {
      const { headers, bytes } = await goodAnswer(call, timeoutMs);
      // Whatever else answers on a host answers with a page.
      if (!headers.get("Content-Disposition")?.startsWith("attachment")) {
        throw unreadable("is no attachment");
      }
      return bytes;
    },
  };
}
