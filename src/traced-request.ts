import type { Answer } from "./answer.ts";
import { WebhookError } from "./errors.ts";
import type { Tracer } from "./telemetry.ts";

/** Receives within a span that tells how it ended. */
export async function tracedRequest(
  tracer: Tracer,
  path: string,
  receive: () => Promise<Answer>,
): Promise<Answer> {
  const options = {
    name: "imggo_webhooks request",
    kind: "server",
    attributes: { "http.request.method": "POST", "http.route": path },
  } as const;
  return await tracer.trace(options, async (span) => {
    try {
      const answer = await receive();
      span.set({ "http.response.status_code": answer.status });
      return answer;
    } catch (error) {
      const isOurs = error instanceof WebhookError;
      const { status, code } = isOurs ? error : new WebhookError("internal_error");
      span.set({ "http.response.status_code": status, "error.type": code });
      if (status >= 500) span.fail(code);
      throw error;
    }
  });
}
