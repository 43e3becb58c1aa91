import * as v from "valibot";
import { WebhookError, type WebhookErrorCode, webhookErrorCodes } from "../../errors.ts";
import { describeError, inJson, type Json } from "./json-schema.ts";

// The forms in which ImgGo tells a job's end. `parseEvent` reads the same fields, in any mixture, by
// schemas that say of each in a function what fits.

const text = v.nullish(v.string());
const jobError = v.nullish(
  v.union([
    v.string(),
    v.object({ code: v.nullish(v.union([v.string(), v.number()])), message: text }),
  ]),
);
const job = { job_id: v.string(), pattern_id: text };
const ended = {
  event: v.picklist(["job.succeeded", "job.completed", "job.failed"]),
  timestamp: v.optional(v.string()),
};

/** The webhook's body, by dialect. */
export const webhookSchemas: Readonly<Record<string, v.GenericSchema>> = {
  NestedEvent: v.object({
    ...ended,
    data: v.union([
      v.object({ ...job, result: v.unknown() }),
      v.object({ ...job, error: jobError }),
    ]),
  }),
  ManifestEvent: v.object({
    ...ended,
    ...job,
    manifest: v.unknown(),
    error: v.optional(jobError),
  }),
  ResultEvent: v.union([
    v.object({ ...ended, ...job, result: v.unknown() }),
    v.object({ ...ended, ...job, error: jobError }),
  ]),
};

const id = { type: "string", description: "The id under which it is stored." };

/** The webhook, as ImgGo calls it. */
export function describeWebhook(path: string): Json {
  const dialects = Object.keys(webhookSchemas);
  return {
    operationId: "jobEnded",
    summary: `A job has ended. Sent to ${path}.`,
    security: [{ signature: [] }],
    requestBody: {
      required: true,
      ...inJson({ anyOf: dialects.map((name) => ({ $ref: `#/components/schemas/${name}` })) }),
    },
    responses: {
      200: {
        description: "It is stored, durably: now, or when it came before.",
        ...inJson({
          type: "object",
          properties: { status: { enum: ["received", "duplicate", "ignored"] }, id },
          required: ["status", "id"],
        }),
      },
      ...refusals(),
    },
  };
}

// To other methods and at other paths there is no webhook.
const elsewhere: readonly WebhookErrorCode[] = ["method_not_allowed", "not_found"];
const kept: readonly WebhookErrorCode[] = ["invalid_json", "invalid_payload"];

function refusals(): Json {
  const errors = webhookErrorCodes.filter((code) => !elsewhere.includes(code))
    .map((code) => new WebhookError(code));
  const statuses = [...new Set(errors.map(({ status }) => status))];
  return Object.fromEntries(statuses.map((status) => {
    const here = errors.filter((error) => error.status === status);
    const codes = here.map(({ code }) => code);
    const sentences = here.map(({ message }) => message);
    const more = codes.some((code) => kept.includes(code)) ? { id } : {};
    return [status, describeError(codes, sentences, more)];
  }));
}
