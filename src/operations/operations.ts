import type { Answers, IssueJson } from "./answers.ts";
import type { Requests } from "./requests.ts";

/**
 * What an operator does with what is stored: on the storage itself, or on a running receiver. What
 * each takes and answers is JSON.
 *
 * Every method rejects with an {@linkcode OperationError} where what is asked for makes no sense, and
 * else as the storage does.
 */
export interface Operations {
  /** The events, the last stored first. A page may hold fewer than its limit before the end. */
  listEvents(request: Requests["listEvents"]): Promise<Answers["listEvents"]>;
  /** All that is known of one. */
  getEvent(id: string): Promise<Answers["getEvent"]>;
  /** Its raw bytes, as received. */
  eventBody(id: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Runs again deliveries that have ended: all, or that of one processor, which it may never have had. */
  redeliver(id: string, request: Requests["redeliver"]): Promise<Answers["redeliver"]>;
  /** Runs dead deliveries again: as many as there is time for. */
  redrive(request: Requests["redrive"]): Promise<Answers["redrive"]>;
  /** Counts what there is. */
  stats(): Promise<Answers["stats"]>;
  /** What was refused for its signature, the first first. */
  listRejections(request: Requests["listRejections"]): Promise<Answers["listRejections"]>;
  /** Checks it again with the secrets of now, and takes what passes: as far as there is time. */
  reverify(request: Requests["reverify"]): Promise<Answers["reverify"]>;
  /** Awaits the end of a job. */
  expect(request: Requests["expect"]): Promise<Answers["expect"]>;
  /** The jobs whose ends are awaited, the earliest deadline first. */
  listExpectations(request: Requests["listExpectations"]): Promise<Answers["listExpectations"]>;
  /** Processes what is due, within a budget. */
  drain(request: Requests["drain"]): Promise<Answers["drain"]>;
}

/** Why an operation was refused: stable, for machines. */
export type OperationErrorCode = "invalid_request" | "unknown_event" | "not_possible";

/** An operation that makes no sense. Its message says what would, and never what came. */
export class OperationError extends Error {
  override readonly name = "OperationError";
  readonly code: OperationErrorCode;
  /** Of an invalid request: what was expected where. */
  readonly issues: readonly IssueJson[];

  constructor(code: OperationErrorCode, message: string, issues: OperationError["issues"] = []) {
    super(message);
    this.code = code;
    this.issues = issues;
  }
}
