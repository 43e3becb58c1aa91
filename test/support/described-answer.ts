import { Ajv2020 } from "ajv/dist/2020.js";
import { expect } from "vitest";
import { describeApi } from "../../src/admin/openapi.ts";

// deno-lint-ignore no-explicit-any -- it is looked at by the names that OpenAPI gives
const description: any = describeApi({ basePath: "", path: "/webhook" });
// The formats of text are left to the tests that are about them.
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(description, "description");

/** Asserts that a value is of a form that the API's description names, by its place there. */
export function expectDescribed(value: unknown, ...place: readonly string[]): void {
  const pointer = place.map((name) => name.replaceAll("~", "~0").replaceAll("/", "~1"))
    .map(encodeURIComponent).join("/");
  const validate = ajv.getSchema(`description#/${pointer}`);
  if (validate === undefined) throw new Error(`Nothing is described at ${pointer}.`);
  expect(validate(value), `${pointer}: ${ajv.errorsText(validate.errors)}`).toBe(true);
}

/** Asserts that an answer of the API is one that its description tells of. */
export function expectDescribedAnswer(
  { method, url }: Request,
  { status, body }: { readonly status: number; readonly body: unknown },
): void {
  const path = new URL(url).pathname.replace(/^.*\/admin\/api/, "");
  const matches = (template: string) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path);
  const template = Object.keys(description.paths).find(matches);
  const operation = description.paths[template ?? ""]?.[method.toLowerCase()];
  // Where there is nothing, or not by this method, the receiver answers.
  if (template === undefined || operation === undefined) return;
  expect(Object.keys(operation.responses), `${method} ${template}`).toContain(`${status}`);
  if (typeof body === "string") return;
  expectDescribed(
    body,
    ...["paths", template, method.toLowerCase(), "responses", `${status}`],
    ...["content", "application/json", "schema"],
  );
}
