import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, test } from "vitest";
import { createAccess } from "../../src/admin/access.ts";
import { apiRoutes } from "../../src/admin/api.ts";
import { webhookErrorCodes } from "../../src/errors.ts";
import type { PluginHost } from "../../src/plugin.ts";
import { setUpAdmin, token } from "../support/admin-under-test.ts";
import { expectDescribed } from "../support/described-answer.ts";
import { dialects, sampleJob } from "../support/wire.ts";

const describedApi = async (options = {}) => (await setUpAdmin(options).call("/openapi.json")).body;

describe("GET /openapi.json", () => {
  test("is OpenAPI 3.1", async () => {
    const description = await describedApi();
    expect(description.openapi).toMatch(/^3\.1\./);
    expect(await new Validator().validate(description)).toEqual({ valid: true });
  });

  test("describes every route of the API, by each of its methods, and no other", async () => {
    const { paths } = await describedApi();
    const described = Object.entries<object>(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
    );
    const access = createAccess({ token, cookiePath: "/admin" });
    const routes = apiRoutes({} as PluginHost, access).flatMap(({ path, methods }) =>
      methods.filter((method) => method !== "HEAD")
        .map((method) => `${method} ${path.replace("/admin/api", "").replace(/:(\w+)/, "{$1}")}`)
    );
    expect(described.sort()).toEqual(routes.sort());
    expect(described).toContain("POST /events/{id}/redeliver");
  });

  test("says where the API is, and what it asks for", async () => {
    const { servers, security, components } = await describedApi({ basePath: "/hooks" });
    expect(servers).toEqual([{ url: "/hooks/admin/api" }]);
    expect(security).toEqual([{ adminToken: [] }]);
    expect(components.securitySchemes.adminToken).toMatchObject({ type: "http", scheme: "bearer" });
  });

  test("tells the form of parameters and bodies", async () => {
    const { paths, components } = await describedApi();
    const parameters = paths["/events"].get.parameters;
    const named = (name: string) => parameters.find((each: { name: string }) => each.name === name);
    expect(named("limit")).toMatchObject({
      in: "query",
      required: false,
      schema: { type: "integer", minimum: 1, maximum: 200, default: 50 },
    });
    expect(named("received_after").schema).toEqual({ type: "string", format: "date-time" });
    expect(named("state").schema.enum).toContain("superseded");
    expect(paths["/redrive"].post.requestBody.required).toBe(false);
    expect(paths["/expectations"].post.requestBody.required).toBe(true);
    expect(components.schemas.RedriveRequest).toMatchObject({
      properties: { dry_run: { type: "boolean", default: false } },
      additionalProperties: false,
    });
    expect(components.schemas.ExpectRequest.required).toEqual(["job_id"]);
  });
});

describe("the webhook in it", () => {
  for (const [name, { succeeded, failed }] of Object.entries(dialects)) {
    test(`takes the dialect ${name}`, () => {
      for (const wire of [succeeded(sampleJob), failed(sampleJob)]) {
        expectDescribed(
          wire,
          ...["webhooks", "jobEnded", "post", "requestBody", "content", "application/json"],
          "schema",
        );
      }
    });
  }

  test("is signed, and tells every answer with its codes", async () => {
    const { webhooks, components } = await describedApi({ path: "/in" });
    const { security, responses, summary } = webhooks.jobEnded.post;
    expect(security).toEqual([{ signature: [] }]);
    expect(components.securitySchemes.signature)
      .toMatchObject({ type: "apiKey", in: "header", name: "X-ImgGo-Signature" });
    expect(summary).toContain("/in");
    const codes = Object.keys(responses).flatMap((status) =>
      (responses[status].content["application/json"].schema.properties.code?.enum ?? [])
        .map((code: string) => `${status} ${code}`)
    );
    expect(codes.sort()).toEqual([
      "400 invalid_json",
      "401 invalid_signature",
      "401 missing_signature",
      "408 body_timeout",
      "413 payload_too_large",
      "415 unsupported_encoding",
      "422 invalid_payload",
      "500 internal_error",
      "503 storage_unavailable",
    ]);
    // Those of other paths and methods are not the webhook's.
    expect(webhookErrorCodes).toHaveLength(codes.length + 2);
  });

  test("answers as it says", async () => {
    const { send } = setUpAdmin();
    const nested = dialects["nested"]!.succeeded(sampleJob);
    const answers = [
      await send(nested),
      await send(nested),
      await send({ event: "job.queued", job_id: "j" }),
      await send("{"),
      await send({ event: "job.succeeded", job_id: 5 }),
      await send(nested, { "X-ImgGo-Signature": "0".repeat(64) }),
      await send(nested, { "Content-Encoding": "gzip" }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 400, 422, 401, 415]);
    for (const { status, body } of answers) {
      expectDescribed(
        body,
        ...["webhooks", "jobEnded", "post", "responses", `${status}`, "content"],
        ...["application/json", "schema"],
      );
    }
  });
});
