import * as v from "valibot";
import { parseJson } from "../parse-json.ts";
import { OperationError, type OperationErrorCode } from "./operations.ts";
import { type Server, ServerError } from "./server.ts";

/** What a server answered. */
export interface ServerAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const operationCodes = [
  "invalid_request",
  "unknown_event",
  "not_possible",
] as const satisfies readonly OperationErrorCode[];

const issue = v.object({ path: v.string(), message: v.string() });

/** An error that an operation has on the storage itself too. */
const operationRefusal = v.object({
  error: v.string(),
  code: v.picklist(operationCodes),
  issues: v.optional(v.array(issue), []),
});

/** An error as every answer of a receiver tells it. */
const anyRefusal = v.object({ error: v.string(), code: v.pipe(v.string(), v.regex(/^\w{1,50}$/)) });

/** Why a server did not do what was asked, of an answer that is not a good one. */
export function refusalOf(
  { status, headers, bytes }: ServerAnswer,
  { url, token }: Server,
): OperationError | ServerError {
  const json = parseJson(bytes);
  const clean = (text: string) =>
    text.replaceAll(token, "[hidden]").replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]+/gu, " ")
      .slice(0, 1_000);
  const operation = v.safeParse(operationRefusal, json);
  if (operation.success) {
    const { code, error, issues } = operation.output;
    const cleaned = issues.map(({ path, message }) => ({
      path: clean(path),
      message: clean(message),
    }));
    return new OperationError(code, clean(error), cleaned);
  }
  const told = v.safeParse(anyRefusal, json);
  const said = told.success ? `${told.output.code}: ${clean(told.output.error)}` : undefined;

  // 0: a redirect that a runtime does not show.
  if (status === 0 || (status >= 300 && status < 400)) {
    return new ServerError(
      "unreadable_answer",
      `${url} answers with a redirect${target(headers, url)}, which is not followed, for the ` +
        "token would go with it: expected the server's own URL.",
    );
  }
  if (status === 401) {
    return new ServerError(
      "unauthorized",
      `${url} refuses the token: expected the ADMIN_TOKEN that the server was started with.`,
    );
  }
  if (status === 404) {
    return new ServerError(
      "no_admin",
      `There is no admin API at ${url}: set ADMIN_TOKEN for the server, or expect it elsewhere: ` +
        "the URL is what stands before /webhook, such as https://example.com.",
    );
  }
  if (status === 429 || status === 503) {
    const asked = headers.get("Retry-After");
    const when = asked !== null && /^\d{1,6}$/.test(asked) ? `in ${asked} s` : "later";
    return new ServerError(
      "busy",
      `${url} cannot do it now (${said ?? status}): try again ${when}.`,
    );
  }
  const id = headers.get("X-Request-Id");
  const isId = id !== null && /^[\w.:-]{1,128}$/.test(id);
  const where = isId ? ` Its log says more of the request ${id}.` : "";
  return new ServerError("failed", `${url} answered ${status} (${said ?? "unknown"}).${where}`);
}

/** Where a redirect leads to. */
function target(headers: Headers, url: string): string {
  const location = headers.get("Location");
  if (location === null || !URL.canParse(location, url)) return "";
  return ` to ${new URL(location, url).origin}`;
}
