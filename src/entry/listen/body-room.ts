import type { Answer } from "../../answer.ts";
import type { BodyLimits } from "../../body.ts";
import { WebhookError } from "../../errors.ts";
import type { WebhookRequest } from "../../webhook.ts";
import { createByteBudget } from "./byte-budget.ts";

// Up to this size a body is no larger than the buffers of its connection: it never waits for those
// that are.
const smallBytes = 65_536;
// All larger ones that are held at once.
const largeBytes = 16 * 1_048_576;

/**
 * Receives requests one beside the other, whose larger bodies have only so much memory together.
 * What waits for its room is not read: it stays with its sender, who is told to come again where the
 * time of a body ends before.
 */
export function withBodyRoom(
  receive: (request: WebhookRequest) => Promise<Answer>,
): (request: WebhookRequest) => Promise<Answer> {
  const budget = createByteBudget(largeBytes);

  return async (request) => {
    let giveBack = () => {};
    const body = async ({ maxBytes, timeoutMs }: BodyLimits) => {
      // One that does not say its size may have any.
      const size = Number(request.header("Content-Length") ?? maxBytes);
      if (size <= smallBytes || size > maxBytes) return await request.body({ maxBytes, timeoutMs });
      const startedAt = performance.now();
      const taken = await budget.take(size, timeoutMs);
      if (taken === undefined) throw new WebhookError("storage_unavailable");
      giveBack = taken;
      const passed = performance.now() - startedAt;
      return await request.body({ maxBytes, timeoutMs: timeoutMs - passed });
    };
    try {
      return await receive({ header: request.header, body });
    } finally {
      giveBack();
    }
  };
}
