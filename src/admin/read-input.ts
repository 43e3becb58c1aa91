import { readBody } from "../body.ts";
import { isRecord, type JsonRecord } from "../job-fields.ts";
import type { IssueJson } from "../operations/answers.ts";
import { parseJson } from "../parse-json.ts";
import { ApiError } from "./api-error.ts";

const limits = { maxBytes: 65_536, timeoutMs: 3_000 };

/**
 * The parameters after the `?`. One without a value is as good as none: forms send those.
 *
 * @throws {ApiError} `invalid_request` where one is given twice.
 */
export function readQuery(request: Request): Record<string, string> {
  const given = [...new URL(request.url).searchParams];
  const names = given.map(([name]) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalidQuery(twice, "expected it once");
  // `fromEntries` defines own properties: a name `__proto__` is found like any other.
  return Object.fromEntries(given.filter(([, value]) => value !== ""));
}

/**
 * The body, which is an object in JSON, or nothing.
 *
 * @throws {ApiError} `invalid_json`; `invalid_request`, also where the URL has parameters: one that
 * is overlooked there, as `dry_run`, would change what is done.
 * @throws {WebhookError} `payload_too_large`, `body_timeout`.
 */
export async function readJson(request: Request): Promise<JsonRecord> {
  const [name] = new URL(request.url).searchParams.keys();
  if (name !== undefined) {
    throw invalidQuery(name, "expected no parameters in the URL: put them into the body, as JSON");
  }
  const bytes = await readBody(request, limits);
  if (bytes.byteLength === 0) return {};
  const json = parseJson(bytes);
  if (json === undefined) throw new ApiError("invalid_json");
  if (isRecord(json)) return json;
  throw invalidRequest(422, [{ path: "", message: "expected an object" }]);
}

function invalidQuery(path: string, message: string): ApiError {
  return invalidRequest(400, [{ path, message }]);
}

/** What is told of a request of another form: of a name that is none of ours, in the issues only. */
export function invalidRequest(status: number, issues: readonly IssueJson[]): ApiError {
  const [{ path, message } = { path: "", message: "expected another form" }] = issues;
  const where = /^[a-z_]{1,20}$/.test(path) ? path : "The request";
  return new ApiError("invalid_request", { status, message: `${where}: ${message}.`, issues });
}
