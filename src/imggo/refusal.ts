import * as v from "valibot";
import { askedWait } from "./asked-wait.ts";
import { ImgGoError } from "./errors.ts";
import type { Answer } from "./exchange.ts";

const text = v.fallback(
  v.optional(v.union([v.string(), v.pipe(v.number(), v.transform(String))])),
  undefined,
);

// Both forms in which ImgGo says what was wrong; whatever is of another type says nothing.
const refused = v.object({
  error: v.fallback(
    v.optional(v.union([v.string(), v.object({ code: text, message: text })])),
    undefined,
  ),
  message: text,
  code: text,
  request_id: text,
});

interface Meaning {
  readonly code: string;
  /** What to do. */
  readonly sentence: string;
}

const byCode: Readonly<Record<string, string>> = {
  PLAN_LIMIT_EXCEEDED:
    "The limit of your ImgGo plan is reached: delete a webhook that is not needed, or change the plan",
};

const byStatus: Readonly<Record<number, Meaning>> = {
  400: { code: "invalid_request", sentence: "ImgGo takes this request for a wrong one" },
  401: {
    code: "unauthorized",
    sentence: "ImgGo does not know the API key: expected IMGGO_API_KEY to be a key of your account",
  },
  403: {
    code: "forbidden",
    sentence: "ImgGo does not allow this to the API key: expected IMGGO_API_KEY to be one with " +
      "that right (scope), in a plan that has it",
  },
  404: { code: "not_found", sentence: "ImgGo has nothing of this id for this API key" },
  409: { code: "invalid_request", sentence: "ImgGo has this already" },
  422: { code: "invalid_request", sentence: "ImgGo takes this request for a wrong one" },
  429: { code: "rate_limited", sentence: "ImgGo takes no more requests now" },
};

/** The error that an answer is; undefined where it is a good one. */
export function refusal(answer: Answer, clean: (text: string) => string): ImgGoError | undefined {
  const { status, headers, json } = answer;
  const parsed = v.safeParse(refused, json);
  const said = parsed.success ? parsed.output : undefined;
  const denied = typeof json === "object" && json !== null && "success" in json &&
    json.success === false;
  const isGood = status >= 200 && status < 300 && !denied;
  if (isGood) return undefined;

  const inner = typeof said?.error === "object" ? said.error : undefined;
  const message = inner?.message ?? said?.message ??
    (typeof said?.error === "string" ? said.error : undefined);
  const ownCode = clean(inner?.code ?? said?.code ?? "");
  const requestId = clean(said?.request_id ?? headers.get("X-Request-Id") ?? "");
  const isLimit = status === 429 || status === 503;
  const retryAfterMs = isLimit ? askedWait(headers) : undefined;

  const meaning = byStatus[status] ?? {
    code: status >= 500 ? "server_error" : "invalid_request",
    sentence: status >= 500 ? "ImgGo failed: try again later" : "ImgGo refused the request",
  };
  const sentence = [
    byCode[ownCode] ?? meaning.sentence,
    ...(retryAfterMs === undefined ? [] : [`; try again in ${inWords(retryAfterMs)}`]),
  ].join("");
  const details = [
    [String(status), ownCode].filter(Boolean).join(" "),
    message === undefined ? "" : `"${clean(message)}"`,
    requestId && `request ${requestId}`,
  ].filter(Boolean);
  return new ImgGoError(ownCode || meaning.code, `${sentence} (${details.join(", ")}).`, {
    status,
    ...(requestId && { requestId }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** A wait that people understand: `42 s`, `12 min`, `5 h`. */
function inWords(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}
