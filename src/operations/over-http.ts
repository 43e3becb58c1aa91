import { isSegment } from "../imggo/segment.ts";
import type { Answers } from "./answers.ts";
import { answerSchemas } from "./answer-schemas.ts";
import { type Call, createCaller } from "./call-server.ts";
import { OperationError, type Operations } from "./operations.ts";
import { type Server, serverUrlProblem } from "./server.ts";

/** What {@linkcode operationsOverHttp} takes. */
export interface OverHttpOptions extends Server {
  /** Default the global one. */
  readonly fetch?: typeof fetch;
  /** The longest that an answer may take, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /** Is told of each wait that the server asks for, in milliseconds. */
  readonly onWait?: (waitMs: number) => void;
}

/**
 * Operates on a running receiver, by its admin API. A call that the server has no time for now is
 * made again, as it asks: every operation may be.
 *
 * Every method rejects with an {@linkcode OperationError} as on the storage itself, and with a
 * `ServerError` where the server does not do what was asked.
 *
 * @throws {TypeError} when an option is invalid.
 */
export function operationsOverHttp(options: OverHttpOptions): Operations {
  const { url, token, fetch = globalThis.fetch, timeoutMs = 30_000, onWait = () => {} } = options;
  const problem = serverUrlProblem(url) ?? tokenProblem(token);
  if (problem !== undefined) throw new TypeError(`operationsOverHttp(): ${problem}.`);

  const caller = createCaller({ url, token, fetch, onWait });
  const ask = async <Name extends keyof Answers>(
    name: Name,
    call: Call,
    withinMs = timeoutMs,
  ): Promise<Answers[Name]> => await caller.json(answerSchemas[name], call, withinMs);

  return {
    listEvents: async (request) => await ask("listEvents", get(["events"], request)),
    getEvent: async (id) => await ask("getEvent", get(["events", eventSegment(id)])),
    eventBody: async (id) =>
      await caller.attachment(
        get(["events", eventSegment(id), "body"]),
        // It may be as large as a receiver is set to take.
        10 * timeoutMs,
      ),
    redeliver: async (id, request) =>
      await ask("redeliver", post(["events", eventSegment(id), "redeliver"], request)),
    redrive: async (request) => await ask("redrive", post(["redrive"], request)),
    stats: async () => await ask("stats", get(["stats"])),
    listRejections: async (request) => await ask("listRejections", get(["rejections"], request)),
    reverify: async (request) => await ask("reverify", post(["rejections", "reverify"], request)),
    expect: async (request) => await ask("expect", post(["expectations"], request)),
    listExpectations: async (request) =>
      await ask("listExpectations", get(["expectations"], request)),
    drain: async (request) =>
      await ask("drain", post(["drain"], request), request.budget_ms + timeoutMs),
  };
}

function get(path: readonly string[], query: object = {}): Call {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, String(value)]);
  return { method: "GET", path, query: new URLSearchParams(given) };
}

function post(path: readonly string[], body: object): Call {
  return { method: "POST", path, body };
}

// Some runtimes repeat what a header does not take.
function tokenProblem(token: string): string | undefined {
  return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(token)
    ? undefined
    : "expected a token of ASCII characters, without white space around it";
}

// `.` and `..` would name another path, and nothing else that is refused here is the id of an event.
function eventSegment(id: string): string {
  if (isSegment(id)) return id;
  throw new OperationError("unknown_event", "There is no event of this id.");
}
