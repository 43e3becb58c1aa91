import type { ExpectOptions } from "./expect.ts";
import type { HandlerContext } from "./follow-up.ts";
import type { Logger } from "./logger.ts";
import type { ReverifyOptions, ReverifyResult } from "./reverify.ts";
import type { Role } from "./role.ts";
import type { Storage } from "./storage/storage.ts";
import type { Observer, Tracer } from "./telemetry.ts";
import type { DrainOptions, DrainResult } from "./drainer.ts";

/** What adds to a receiver: pages, an API, metrics, traces. A receiver calls it once, when it is made. */
export type Plugin = (host: PluginHost) => Plugged;

/** What a plugin knows of its receiver. */
export interface PluginHost {
  /** The storage that the receiver writes to. */
  readonly storage: Storage;
  /** The names of the processors. */
  readonly processors: readonly string[];
  /** What the receiver does: receive, work, or both. */
  readonly role: Role;
  /** What stands before every path. */
  readonly basePath: string;
  /** Where the webhook is received, `basePath` included. */
  readonly path: string;
  /** The receiver's logger. */
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
  /** Paths that it answers, beside the webhook's. */
  readonly routes?: readonly Route[];
  /** Is told what happens. */
  readonly observer?: Observer;
  /** Does the receiver's work within spans. */
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
  /** Answers a request to the path. What it throws is logged, and answered 500. */
  handle(request: Request, exchange: RouteExchange): Promise<Response> | Response;
}

/** What belongs to one request, for a plugin. */
export interface RouteExchange {
  /** The segments that the path names, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Logs with the request's id in each line. */
  readonly log: Logger;
  /** What the runtime gave with the request, such as its `waitUntil`; undefined where it gave none. */
  readonly context: HandlerContext | undefined;
}
