import type { GenericSchema } from "valibot";
import { answerSchemas } from "../operations/answer-schemas.ts";
import { requestSchemas } from "../operations/request-schemas.ts";
import type { PluginHost } from "../plugin.ts";
import { type ApiErrorCode, apiErrors } from "./api-error.ts";
import { type Call, calls } from "./calls.ts";
import { formOf } from "./openapi/form.ts";
import { describeError, describeIssues, inJson, type Json } from "./openapi/json-schema.ts";
import { describeWebhook, webhookSchemas } from "./openapi/webhook.ts";

/** Where the description itself is, below `/admin/api`. */
export const descriptionPath = "/openapi.json";

/** The API and the webhook, as OpenAPI 3.1 describes them. */
export function describeApi({ basePath, path }: Pick<PluginHost, "basePath" | "path">): Json {
  return {
    openapi: "3.1.1",
    info: {
      title: "imggo-webhooks",
      // Of the API, which its path does not tell; not of the package.
      version: "1",
      description:
        "What a receiver of ImgGo's webhooks has stored, and what is to be done with it.",
    },
    servers: [{ url: `${basePath}/admin/api` }],
    security: [{ adminToken: [] }],
    paths: describePaths(),
    webhooks: { jobEnded: { post: describeWebhook(path) } },
    components: {
      securitySchemes: {
        adminToken: { type: "http", scheme: "bearer", description: "ADMIN_TOKEN" },
        signature: {
          type: "apiKey",
          in: "header",
          name: "X-ImgGo-Signature",
          description:
            "`sha256=` and the HMAC-SHA256 of the raw body by the secret, in hexadecimal.",
        },
      },
      schemas: { ...schemas(), Issues: describeIssues() },
    },
  };
}

// So that tools which make code of it have names for its types.
const answerName = (name: string) => `${name[0]?.toUpperCase()}${name.slice(1)}Answer`;
const requestName = (name: string) => `${name[0]?.toUpperCase()}${name.slice(1)}Request`;

function schemas(): Record<string, Json> {
  const named = (
    schemas: Readonly<Record<string, GenericSchema>>,
    nameOf: (name: string) => string,
  ) => Object.entries(schemas).map(([name, schema]) => [nameOf(name), formOf(schema)] as const);
  return Object.fromEntries([
    ...named(answerSchemas, answerName),
    ...named(requestSchemas, requestName),
    ...named(webhookSchemas, (name) => name),
  ]);
}

function describePaths(): Json {
  const forms = schemas();
  const paths: Record<string, Json> = {};
  for (const call of calls) {
    const at = call.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[at] = { ...paths[at], [call.method.toLowerCase()]: describeCall(call, forms) };
  }
  paths[descriptionPath] = {
    get: {
      operationId: "openApi",
      summary: "This description.",
      responses: {
        200: { description: "Done.", ...inJson({ type: "object" }) },
        ...errors(["unauthorized", "too_many_attempts"]),
      },
    },
  };
  return paths;
}

function describeCall(call: Call, forms: Readonly<Record<string, Json>>): Json {
  const { name, summary, takes, method, path } = call;
  const ofEvent = path.includes(":id");
  const isQuery = method === "GET";
  const parameters = [
    ...ofEvent ? [{ name: "id", in: "path", required: true, schema: { type: "string" } }] : [],
    ...isQuery ? describeQuery(forms[requestName(takes)]) : [],
  ];
  const required = forms[requestName(takes)]?.["required"] as readonly string[];
  const body = {
    requestBody: {
      required: required.length > 0,
      ...inJson({ $ref: `#/components/schemas/${requestName(takes)}` }),
    },
  };
  const bytes = { "application/octet-stream": {} };
  return {
    operationId: name,
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(!isQuery && takes !== "nothing" && body),
    responses: {
      200: {
        description: "Done.",
        ...(call.answers === undefined
          ? { content: bytes }
          : inJson({ $ref: `#/components/schemas/${answerName(name)}` })),
      },
      ...errors(codesOf(call), isQuery ? [422] : []),
    },
  };
}

function describeQuery(form: Json | undefined): Json[] {
  const { properties = {}, required = [] } = form as {
    readonly properties?: Readonly<Record<string, Json>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

function codesOf({ method, path }: Call): ApiErrorCode[] {
  const isQuery = method === "GET";
  const ofBody = ["invalid_json", "foreign_request", "body_timeout", "payload_too_large"] as const;
  return [
    "invalid_request",
    "unauthorized",
    ...path.includes(":id") ? ["unknown_event"] as const : [],
    ...isQuery ? [] : [...ofBody, "not_possible"] as const,
    "too_many_attempts",
    "internal_error",
    "storage_unavailable",
  ];
}

/** The answers by their statuses, each with the codes that it may bear. */
function errors(codes: readonly ApiErrorCode[], without: readonly number[] = []): Json {
  const byStatus = new Map<number, ApiErrorCode[]>();
  for (const code of codes) {
    for (const status of [apiErrors[code][0]].flat()) {
      if (without.includes(status)) continue;
      byStatus.set(status, [...byStatus.get(status) ?? [], code]);
    }
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      describeError(codes, codes.map((code) => apiErrors[code][1])),
    ]),
  );
}
