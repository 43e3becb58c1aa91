import { readBody } from "../../body.ts";
import { within } from "../../deadline.ts";
import { WebhookError } from "../../errors.ts";
import { createOperations } from "../../operations/on-storage.ts";
import type { PluginHost, RouteExchange } from "../../plugin.ts";
import { StorageError } from "../../storage/storage.ts";
import { type Access, isForeign } from "../access.ts";
import { pageAnswer } from "./answers.ts";
import type { Links } from "./links.ts";
import type { Action, Page, View, Visit } from "./page.ts";
import { explained, problemPage } from "./problem.ts";
import { arrivalPage, signInPage } from "./sign-in.ts";

/** What all pages are made with. */
export interface PageParts {
  readonly host: PluginHost;
  readonly access: Access;
  readonly links: Links;
}

const maxFormBytes = 65_536;
const formWithinMs = 4_000;
// As long as what an operation may take, and some more: an answer comes even if the storage hangs.
const pageWithinMs = 4_500;
const arrivedCookie = "imggo_webhooks_arrived";

/** Answers a request for a page, whatever happens on the way. */
export async function answerPage(
  request: Request,
  { parameters, log, context }: RouteExchange,
  { host, links }: PageParts,
  make: (visit: Visit) => Promise<Page | Response>,
): Promise<Response> {
  const query = new URL(request.url).searchParams;
  const operations = createOperations(host, context);
  const visit = { request, query, parameters, host, context, operations, links, log };
  const late = () => new StorageError("unavailable", "A page was not made in time.");
  const made = await within(make(visit), pageWithinMs, late)
    .catch((error) => explained(error, links, log));
  return made instanceof Response ? made : pageAnswer(made, links, query);
}

/** Shows something to who is signed in, and asks the others to be. */
export async function showTo(access: Access, visit: Visit, view: View): Promise<Page | Response> {
  const { request, links } = visit;
  if (await isAllowed(access, request)) return await view(visit);
  const { pathname, search } = new URL(request.url);
  if (!comesFromElsewhere(request)) return signInPage(links, pathname + search);
  const answer = pageAnswer(arrivalPage(pathname + search), links, visit.query);
  // Once is enough: whoever is not signed in has no cookie then either.
  const cookie = `${arrivedCookie}=1; Path=${links.to()}; Max-Age=10; HttpOnly; SameSite=Lax`;
  answer.headers.set("Set-Cookie", cookie);
  return answer;
}

/**
 * Does what a form of ours asks for.
 *
 * @param back Where who has to sign in first goes on.
 */
export async function doFor(
  access: Access,
  visit: Visit,
  action: Action,
  back: string,
): Promise<Page | Response> {
  const foreign = refuseForeign(visit);
  if (foreign !== undefined) return foreign;
  if (!await isAllowed(access, visit.request)) return signInPage(visit.links, back);
  const answer = await action(visit, await readForm(visit.request));
  visit.log.info("operator's form", { path: new URL(visit.request.url).pathname });
  return answer;
}

/** What a form is told that another site sent. Nothing of it was read. */
export function refuseForeign({ request, links }: Visit): Page | undefined {
  if (!isForeign(request)) return undefined;
  const sentence =
    "The form came from another site, or nothing says that it came from this one. Nothing was done.";
  return problemPage(
    403,
    "Not from here",
    sentence,
    { path: links.to(), name: "To the overview" },
    true,
  );
}

/** What a form sent. */
export async function readForm(request: Request): Promise<URLSearchParams> {
  const type = request.headers.get("Content-Type") ?? "";
  if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(type)) {
    throw new WebhookError("unsupported_encoding");
  }
  const bytes = await readBody(request, { maxBytes: maxFormBytes, timeoutMs: formWithinMs });
  return new URLSearchParams(new TextDecoder().decode(bytes));
}

async function isAllowed(access: Access, request: Request): Promise<boolean> {
  return await access.isSignedIn(request) || await access.bears(request);
}

/** Whether a link on another site led here, with which a browser sends no `SameSite=Strict` cookie. */
function comesFromElsewhere({ method, headers }: Request): boolean {
  return method === "GET" && headers.get("Sec-Fetch-Mode") === "navigate" &&
    headers.get("Sec-Fetch-Site") === "cross-site" &&
    !(headers.get("Cookie") ?? "").includes(arrivedCookie);
}
