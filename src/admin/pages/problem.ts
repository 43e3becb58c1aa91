import { describeError } from "../../describe-error.ts";
import { WebhookError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { OperationError, type OperationErrorCode } from "../../operations/operations.ts";
import { TooManyAttempts } from "../access.ts";
import { markup } from "./markup.ts";
import type { Links } from "./links.ts";
import type { Page } from "./page.ts";

const statuses: Readonly<Record<OperationErrorCode, readonly [status: number, title: string]>> = {
  unknown_event: [404, "No such event"],
  invalid_request: [400, "This cannot be understood"],
  not_possible: [409, "This cannot be done"],
};

/** A page that says what is wrong and what to do about it. */
export function problemPage(
  status: number,
  title: string,
  sentence: string,
  back: { readonly path: string; readonly name: string },
  isOutside = false,
): Page {
  return {
    title,
    status,
    isOutside,
    body: markup`<div class="head">
<div>
<h1>${title}</h1>
<p>${sentence}</p>
</div>
</div>
<p><a class="button" href="${back.path}">${back.name}</a></p>`,
  };
}

/** What an operator is told of an error. Of one that is not foreseen only the log says more. */
export function explained(error: unknown, links: Links, log: Logger): Page {
  const back = { path: links.to(), name: "Back to the overview" };
  if (error instanceof OperationError) {
    const [status, title] = statuses[error.code];
    return problemPage(status, title, error.message, back);
  }
  if (error instanceof TooManyAttempts) {
    return problemPage(429, "Too many at once", error.message, back, true);
  }
  if (error instanceof WebhookError && error.code !== "storage_unavailable") {
    const sentence = "What the form sent is too large, too slow, or not a form.";
    return problemPage(error.status, "This was not taken", sentence, back);
  }
  log.error("admin page failed", { error: describeError(error) });
  // What a storage rejects with may be of any type; these are of our own making.
  if (!(error instanceof TypeError || error instanceof RangeError)) {
    return problemPage(
      503,
      "The storage does not answer",
      "What is stored cannot be read now. Events that cannot be stored are answered 503, unless there is a spool. A form may have been taken: look before sending it again. The log says more.",
      { path: links.to(), name: "Try again" },
    );
  }
  return problemPage(
    500,
    "Something went wrong",
    "It was not foreseen, and nothing may have been done. The log says more, by the X-Request-Id of this answer.",
    back,
  );
}
