import { within } from "../deadline.ts";
import { createOperations } from "../operations/on-storage.ts";
import { OperationError } from "../operations/operations.ts";
import { readRequest } from "../operations/request-schemas.ts";
import type { PluginHost, Route, RouteExchange } from "../plugin.ts";
import type { Access } from "./access.ts";
import { answerBytes, answerJson } from "./api-answers.ts";
import { ApiError } from "./api-error.ts";
import { type Call, calls } from "./calls.ts";
import { forBearer } from "./guard.ts";
import { describeApi, descriptionPath } from "./openapi.ts";
import { invalidRequest, readJson, readQuery } from "./read-input.ts";

/** Where the API is, below the receiver's `basePath`. */
const apiPath = "/admin/api";

const answerWithinMs = 4_500;

/** The API, for whoever bears the token. */
export function apiRoutes(host: PluginHost, access: Access): Route[] {
  const paths = [...new Set(calls.map(({ path }) => path))];
  return [
    ...paths.map((path): Route => {
      const here = calls.filter((call) => call.path === path);
      return {
        path: `${apiPath}${path}`,
        methods: here.flatMap(({ method }) => method === "GET" ? ["GET", "HEAD"] : method),
        handle(request, exchange) {
          const method = request.method === "HEAD" ? "GET" : request.method;
          const call = here.find((call) => call.method === method);
          if (call === undefined) throw new ApiError("internal_error");
          return answerCall(call, host, request, exchange);
        },
      };
    }),
    {
      path: `${apiPath}${descriptionPath}`,
      methods: ["GET", "HEAD"],
      handle: () => answerJson(describeApi(host)),
    },
  ].map((route) => forBearer(access, route));
}

async function answerCall(
  call: Call,
  host: PluginHost,
  request: Request,
  { parameters, log, context }: RouteExchange,
): Promise<Response> {
  const startedAt = performance.now();
  const input = await readInput(call, request);
  const { id = "" } = parameters;
  const withinMs = call.withinMs?.(input) ?? answerWithinMs - (performance.now() - startedAt);
  // In an async function, so that a storage which throws instead of rejecting is no special case.
  const running = (async () => await call.run(createOperations(host, context), input, id))();
  const answered = await within(running, withinMs, () => new Error("the storage was too slow"))
    .catch((error: unknown) => {
      throw explain(error, call);
    });
  if (call.method === "POST") log.info("operator's call", { call: call.name });
  return answered instanceof Uint8Array
    ? answerBytes(id, answered as Uint8Array<ArrayBuffer>)
    : answerJson(answered);
}

async function readInput(call: Call, request: Request): Promise<unknown> {
  const given = call.method === "GET" ? readQuery(request) : await readJson(request);
  const read = readRequest(call.takes, given);
  if ("request" in read) return read.request;
  throw invalidRequest(invalidStatus(call), read.issues);
}

function invalidStatus({ method }: Call): number {
  return method === "GET" ? 400 : 422;
}

/** What became of an operation that failed: as a rule its storage did. */
function explain(error: unknown, call: Call): ApiError {
  if (error instanceof OperationError) {
    const { code, message, issues } = error;
    const status = code === "invalid_request" ? { status: invalidStatus(call) } : {};
    return new ApiError(code, { ...status, message, issues });
  }
  const isOurs = error instanceof TypeError || error instanceof RangeError;
  return new ApiError(isOurs ? "internal_error" : "storage_unavailable", { cause: error });
}
