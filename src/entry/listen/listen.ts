import { type Answer, refuse, toResponse } from "../../answer.ts";
import { WebhookError } from "../../errors.ts";
import type { WebhookRequest } from "../../webhook.ts";

/** What answers requests. Neither of its functions rejects. */
export interface Handler {
  readonly fetch: (request: Request) => Promise<Response>;
  /** A shorter way for a POST to this path, for what a server has that a Fetch request has not. */
  readonly webhook?: {
    readonly path: string;
    readonly receive: (request: WebhookRequest) => Promise<Answer>;
  };
}

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

/** What a runtime brings: an HTTP server for a handler. Rejects where it can't listen. */
export type Listen = (handler: Handler, options: ListenOptions) => Promise<Server>;

/** What is answered where a runtime, not the handler, fails: nothing of the error. */
export function serverError(): Response {
  return toResponse(refuse(new WebhookError("internal_error")));
}
