import { refuse, toResponse } from "../../answer.ts";
import { WebhookError } from "../../errors.ts";

/** Answers a request; never rejects. */
export type FetchHandler = (request: Request) => Promise<Response>;

/** Where to listen. */
export interface ListenOptions {
  readonly hostname: string;
  /** 0 for any free one. */
  readonly port: number;
}

/** A server that listens. */
export interface Server {
  /** The port it got. */
  readonly port: number;
  /**
   * Takes no further connection and resolves when the requests that are under way are answered.
   * It may take as long as a client does: the caller bounds it.
   */
  close(): Promise<void>;
}

/** What a runtime brings: an HTTP server for a Fetch handler. Rejects where it can't listen. */
export type Listen = (handler: FetchHandler, options: ListenOptions) => Promise<Server>;

/** What is answered where a runtime, not the handler, fails: nothing of the error. */
export function serverError(): Response {
  return toResponse(refuse(new WebhookError("internal_error")));
}
