import type { ExpectOptions } from "./expect.ts";
import type { HandlerContext } from "./follow-up.ts";
import type { Logger } from "./logger.ts";
import type { ReverifyOptions, ReverifyResult } from "./reverify.ts";
import type { Role } from "./role.ts";
import type { Storage } from "./storage/storage.ts";
import type { Observer, Tracer } from "./telemetry.ts";
import type { DrainOptions, DrainResult } from "./worker.ts";

/** What adds to a receiver: pages, an API, metrics, traces. A receiver calls it once, when it is made. */
export type Plugin = (host: PluginHost) => Plugged;

/** What a plugin knows of its receiver. */
export interface PluginHost {
  readonly storage: Storage;
  /** The names of the processors. */
  readonly processors: readonly string[];
  readonly role: Role;
  /** What stands before every path. */
  readonly basePath: string;
  /** Where the webhook is received, `basePath` included. */
  readonly path: string;
  readonly logger: Logger;
  /** As `Receiver.expect`. */
  expect(jobId: string, options?: ExpectOptions): Promise<"waiting" | "fulfilled">;
  /** As `Receiver.reverify`. */
  reverify(options?: ReverifyOptions): Promise<ReverifyResult>;
  /** As `Receiver.drain`. */
  drain(options?: DrainOptions): Promise<DrainResult>;
  /**
   * Sees to it that what was just made due is run soon, by whoever runs deliveries here. Those who are
   * told by the ids of events (`notify`) are told of this one; without an id they find it at the next
   * drain.
   */
  workSoon(context: HandlerContext | undefined, id?: string): void;
}

/** What a plugin adds. */
export interface Plugged {
  readonly routes?: readonly Route[];
  readonly observer?: Observer;
  readonly tracer?: Tracer;
  /**
   * Writes what it has gathered. Called when the receiver stops, at the end of a drain and, where the
   * runtime may go after an answer, after each request and what it set going. It should not reject.
   */
  flush?(): Promise<void>;
}

/** A path that a plugin answers. */
export interface Route {
  /** Below `basePath`; `:name` stands for a segment. */
  readonly path: string;
  /** To another method the receiver answers 405. */
  readonly methods: readonly string[];
  handle(request: Request, exchange: RouteExchange): Promise<Response> | Response;
}

/** What belongs to one request, for a plugin. */
export interface RouteExchange {
  /** The segments that the path names, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly log: Logger;
  readonly context: HandlerContext | undefined;
}
