import type { GenericSchema } from "valibot";
import { answerSchemas } from "../operations/answer-schemas.ts";
import type { Answers } from "../operations/answers.ts";
import type { Operations } from "../operations/operations.ts";
import type { Requests } from "../operations/requests.ts";

/** A call of the API. */
export interface Call {
  /** What it is called in the API's description. */
  readonly name: string;
  readonly method: "GET" | "POST";
  /** Below `/admin/api`; `:id` stands for an event's. */
  readonly path: string;
  /** What it does, in a sentence. */
  readonly summary: string;
  /** By what name `readRequest` knows the form of its query or body. */
  readonly takes: keyof Requests;
  /** The form of its answer; undefined: an event's bytes. */
  readonly answers: GenericSchema | undefined;
  /** How long it may take, in milliseconds, where that is for the caller to say. */
  withinMs?(request: unknown): number;
  run(operations: Operations, request: unknown, id: string): Promise<unknown>;
}

/** Of a call that takes a request: what was read of it is what its operation takes. */
function taking<Name extends keyof Requests>(
  takes: Name,
  run: (operations: Operations, request: Requests[Name], id: string) => Promise<unknown>,
): Pick<Call, "takes" | "run"> {
  return {
    takes,
    run: (operations, request, id) => run(operations, request as Requests[Name], id),
  };
}

function call<Name extends keyof Answers>(
  name: Name,
  method: Call["method"],
  path: string,
  summary: string,
  does: Pick<Call, "takes" | "run" | "withinMs">,
): Call {
  return { name, method, path, summary, answers: answerSchemas[name], ...does };
}

/** Every call of the API on what is stored. */
export const calls: readonly Call[] = [
  call(
    "listEvents",
    "GET",
    "/events",
    "The events to which all that is given applies, the last stored first.",
    taking("listEvents", (operations, request) => operations.listEvents(request)),
  ),
  call("getEvent", "GET", "/events/:id", "All that is known of an event.", {
    takes: "nothing",
    run: (operations, _request, id) => operations.getEvent(id),
  }),
  {
    name: "eventBody",
    method: "GET",
    path: "/events/:id/body",
    summary: "The raw bytes of an event, as they were received.",
    takes: "nothing",
    answers: undefined,
    run: (operations, _request, id) => operations.eventBody(id),
  },
  call(
    "redeliver",
    "POST",
    "/events/:id/redeliver",
    "Runs an event's deliveries again that have ended: all, or that of one processor.",
    taking("redeliver", (operations, request, id) => operations.redeliver(id, request)),
  ),
  call(
    "redrive",
    "POST",
    "/redrive",
    "Runs the dead deliveries again to which all that is given applies.",
    taking("redrive", (operations, request) => operations.redrive(request)),
  ),
  call("stats", "GET", "/stats", "Counts of what there is, and of what happened lately.", {
    takes: "nothing",
    run: (operations) => operations.stats(),
  }),
  call(
    "listRejections",
    "GET",
    "/rejections",
    "The requests that were refused for their signature and are kept, the first first.",
    taking("listRejections", (operations, request) => operations.listRejections(request)),
  ),
  call(
    "reverify",
    "POST",
    "/rejections/reverify",
    "Checks them again with the secrets of now, and takes those that pass.",
    taking("reverify", (operations, request) => operations.reverify(request)),
  ),
  call(
    "expect",
    "POST",
    "/expectations",
    "Awaits the end of a job that was submitted.",
    taking("expect", (operations, request) => operations.expect(request)),
  ),
  call(
    "listExpectations",
    "GET",
    "/expectations",
    "The jobs whose ends are awaited, the earliest deadline first.",
    taking("listExpectations", (operations, request) => operations.listExpectations(request)),
  ),
  call("drain", "POST", "/drain", "Processes what is due, for platforms with only a cron.", {
    ...taking("drain", (operations, request) => operations.drain(request)),
    // It ends by itself; what is given back at its end takes some time more.
    withinMs: (request) => (request as Requests["drain"]).budget_ms + 10_000,
  }),
];
