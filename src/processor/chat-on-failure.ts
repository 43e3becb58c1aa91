import type { JobFailedEvent } from "../event.ts";
import { visible } from "../visible.ts";
import { forwardProblem } from "./forward.ts";
import { judgeAnswer } from "./judge-answer.ts";
import type { Processor } from "./processor.ts";

/** What {@linkcode chatOnFailure} takes. */
export interface ChatOnFailureOptions {
  /** The incoming webhook of a chat: `https:`, and a public host unless `allowPrivate`. */
  readonly url: string | URL;
  /** What is said of a job. Default its id, its pattern and ImgGo's reason, shortened. */
  readonly text?: (event: JobFailedEvent) => string;
  /** Allows `http:` and targets at loopback, private and link-local addresses. Default false. */
  readonly allowPrivate?: boolean;
  /** How long the chat may take to answer, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number;
  /** Default the global `fetch`. */
  readonly fetch?: typeof fetch;
}

/**
 * A processor that says in a chat when a job failed at ImgGo, by an incoming webhook that takes
 * Slack's `{"text"}`: Slack, Mattermost, Rocket.Chat, Google Chat, Discord (with `/slack` behind its
 * URL). An attempt whose answer is lost is made again: then it says so twice.
 *
 * A 2xx is success. 403, 404 and 410 are permanent: the webhook was taken back. `Retry-After` is
 * honoured up to a day; anything else is tried again with backoff.
 *
 * It hears of failures of jobs, not of deliveries that died: for those there are metrics.
 *
 * @throws {TypeError} when the URL is unfit.
 */
export function chatOnFailure(options: ChatOnFailureOptions): Processor {
  const { allowPrivate = false, timeoutMs = 10_000, text = describeFailure } = options;
  const problem = forwardProblem(options.url, allowPrivate);
  if (problem !== undefined) {
    throw new TypeError(`chatOnFailure() cannot use its settings: ${problem}.`);
  }
  const target = new URL(options.url);
  return async (event, { signal }) => {
    if (event.event !== "job.failed") return;
    const send = options.fetch ?? fetch;
    const response = await send(target, {
      method: "POST",
      headers: { "Content-Type": "application/json", "User-Agent": "imggo-webhooks" },
      body: JSON.stringify({ text: text(event) }),
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    judgeAnswer(response, 403, 404, 410);
  };
}

function describeFailure({ data: { job_id, pattern_id, error } }: JobFailedEvent): string {
  const pattern = pattern_id === null ? "" : ` of pattern ${literal(pattern_id)}`;
  const code = error.code === undefined ? "" : ` (${literal(error.code)})`;
  return `ImgGo job ${literal(job_id)}${pattern} failed: ${literal(error.message)}${code}`;
}

/**
 * Text that a chat shows as it is: no mention of everybody, no link.
 * https://api.slack.com/reference/surfaces/formatting#escaping
 */
function literal(text: string): string {
  const shown = visible(text);
  const short = shown.length > 300 ? `${shown.slice(0, 300).toWellFormed()}…` : shown;
  return short.replace(/@(?=everyone|here|channel|all)/g, "@\u200b")
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
