import { describeError } from "../describe-error.ts";
import { WebhookError } from "../errors.ts";
import type { Route, RouteExchange } from "../plugin.ts";
import { type Access, TooManyAttempts } from "./access.ts";
import { answerError } from "./api-answers.ts";
import { ApiError } from "./api-error.ts";
import { sourceOf } from "./cross-site.ts";

/**
 * A route that answers whoever bears the token, and no one else: a session is not enough. What
 * changes something is refused to the pages of other sites, even where they know the token.
 */
export function forBearer(access: Access, route: Route): Route {
  return guarded({
    ...route,
    async handle(request, exchange) {
      const changes = request.method !== "GET" && request.method !== "HEAD";
      if (changes && sourceOf(request) === "foreign") throw new ApiError("foreign_request");
      if (!await access.bears(request)) throw new ApiError("unauthorized");
      return await route.handle(request, exchange);
    },
  });
}

/** A route whose errors are told in JSON, whatever it throws. */
export function guarded(route: Route): Route {
  return {
    ...route,
    async handle(request, exchange) {
      try {
        return await route.handle(request, exchange);
      } catch (error) {
        return answerError(explain(error, exchange));
      }
    },
  };
}

/** What an operator is told of an error; of an unforeseen one only the log says more. */
function explain(error: unknown, { log }: RouteExchange): ApiError {
  const explained = known(error);
  const { code, status, cause } = explained;
  const fields = { code, ...(cause !== undefined && { error: describeError(cause) }) };
  if (status >= 500) log.error("operator's request failed", fields);
  else log.warn("operator's request refused", fields);
  return explained;
}

function known(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof TooManyAttempts) return new ApiError("too_many_attempts");
  const isOfBody = error instanceof WebhookError &&
    (error.code === "payload_too_large" || error.code === "body_timeout");
  return new ApiError(isOfBody ? error.code : "internal_error", { cause: error });
}
