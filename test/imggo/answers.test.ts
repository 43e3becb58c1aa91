import fc from "fast-check";
import { inspect } from "node:util";
import { createImgGoClient, ImgGoError } from "imggo-webhooks/imggo";
import { expect, test } from "vitest";
import { answering, scriptedFetch } from "../support/scripted-fetch.ts";

const apiKey = "canary-key-of-the-account";
const url = "https://example.com/webhook";
const events = ["job.succeeded"];

// Most of what is tried is nearly right: the names are ImgGo's, and what is in them is anything.
const names = fc.constantFrom(
  ...["success", "data", "webhooks", "jobs", "id", "job_id", "webhook_id", "url", "events"],
  ...["status", "manifest", "result", "error", "code", "message", "is_active", "pagination"],
  ...["request_id", "created_at", "completed_at", "secret", "total", "per_page"],
);
const { value: anyAnswer } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, true, false, 0, -1, 1e300, "", "j-1", url, "failed", "completed", apiKey),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(names, tie("value"), { maxKeys: 6 }),
  ),
}));

test("the client makes of any answer what it promises, or an ImgGoError without the key", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyAnswer,
      fc.constantFrom(200, 201, 202, 400, 401, 403, 404, 409, 422, 429, 500, 503),
      async (body, status) => {
        const { webhooks, jobs } = createImgGoClient({
          apiKey,
          requestsPerMinute: 1_000,
          deadlineMs: 1,
          ...scriptedFetch(answering(status, body, { "Retry-After": "9" })),
        });
        const outcomes = await Promise.allSettled([
          webhooks.create({ url, events }),
          webhooks.ensure({ url, events }, { replace: true }),
          webhooks.list(),
          webhooks.delete("w-1"),
          jobs.get("j-1"),
          jobs.list(),
        ]);
        for (const outcome of outcomes) {
          if (outcome.status === "fulfilled") continue;
          expect(outcome.reason).toBeInstanceOf(ImgGoError);
          expect(inspect(outcome.reason)).not.toContain("canary");
          expect(outcome.reason.message).toMatch(/^[^\n]{10,900}\.$/);
        }
        const [, , , , job] = outcomes;
        if (job?.status === "fulfilled") expect(job.value.jobId.toLowerCase()).toBe("j-1");
      },
    ),
    { numRuns: 1_000 },
  );
});
