import type { HandlerContext } from "../../follow-up.ts";
import type { Logger } from "../../logger.ts";
import type { Operations } from "../../operations/operations.ts";
import type { PluginHost } from "../../plugin.ts";
import type { Html } from "./markup.ts";
import type { Links } from "./links.ts";

/** The parts that are to be found from every page. */
export type Section = "overview" | "events" | "dead" | "rejections" | "expectations";

/** What a page says; what is around it is the same for all. */
export interface Page {
  readonly title: string;
  readonly section?: Section;
  /** Default 200. */
  readonly status?: number;
  readonly body: Html;
  /** What else the document's head says. */
  readonly head?: Html;
  /** Whether it is for people who are not signed in. */
  readonly isOutside?: boolean;
}

/** A request for a page, and what it is made from. */
export interface Visit {
  readonly request: Request;
  readonly query: URLSearchParams;
  readonly parameters: Readonly<Record<string, string>>;
  readonly host: PluginHost;
  readonly context: HandlerContext | undefined;
  readonly operations: Operations;
  readonly links: Links;
  readonly log: Logger;
}

/** Shows something. */
export type View = (visit: Visit) => Promise<Page | Response> | Page | Response;

/** Does what a form asks for, and says where to look next; or shows the form again. */
export type Action = (visit: Visit, form: URLSearchParams) => Promise<Page | Response>;
