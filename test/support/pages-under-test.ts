import { type DefaultTreeAdapterTypes, parse } from "parse5";
import { expect, onTestFinished } from "vitest";
import { type PagedReceiver, pagedReceiver, token } from "./paged-receiver.ts";

export const origin = "http://localhost";

/** An element of a page. */
export type Element = DefaultTreeAdapterTypes.Element;

/** A page as a browser understands it. */
export interface ReadPage {
  readonly response: Response;
  readonly html: string;
  /** All elements, in the order in which they begin. */
  readonly elements: readonly Element[];
  /** All text, as it is read. */
  readonly text: string;
  /** Where and why it breaks the rules of HTML. */
  readonly errors: readonly string[];
}

/** Pages, and who is signed in to them; deliveries run when the test drains them. */
export interface PagesUnderTest extends PagedReceiver {
  readonly get: (path: string, headers?: Record<string, string>) => Promise<ReadPage>;
  /** Sends a form as a browser does from a page of ours. */
  readonly post: (
    path: string,
    fields?: Record<string, string>,
    headers?: Record<string, string>,
  ) => Promise<ReadPage>;
}

export async function pagesUnderTest(
  options: Parameters<typeof pagedReceiver>[0] = {},
): Promise<PagesUnderTest> {
  // With `notify` nothing is worked off by itself: a test drains.
  const admin = pagedReceiver({ notify: async () => {}, ...options });
  onTestFinished(() => admin.receiver.stop());
  let cookie = "";
  const ask = async (path: string, init: RequestInit) =>
    await readPage(await admin.receiver.fetch(new Request(origin + path, init)));
  const post: PagesUnderTest["post"] = (path, fields = {}, headers = {}) =>
    ask(path, {
      method: "POST",
      headers: { Cookie: cookie, "Sec-Fetch-Site": "same-origin", ...headers },
      body: new URLSearchParams(fields),
    });
  const { response } = await post(`${options.basePath ?? ""}/admin/login`, { token });
  expect(response.status).toBe(303);
  cookie = response.headers.get("Set-Cookie")?.split(";")[0] ?? "";
  return {
    ...admin,
    post,
    get: (path, headers = {}) => ask(path, { headers: { Cookie: cookie, ...headers } }),
  };
}

export async function readPage(response: Response): Promise<ReadPage> {
  const html = await response.text();
  const errors: string[] = [];
  const document = parse(html, {
    sourceCodeLocationInfo: true,
    onParseError: ({ code, startLine, startCol }) =>
      errors.push(`${code} ${startLine}:${startCol}`),
  });
  const elements: Element[] = [];
  let text = "";
  const visit = (node: DefaultTreeAdapterTypes.Node): void => {
    if ("value" in node) text += node.value;
    if ("tagName" in node) elements.push(node);
    if ("childNodes" in node) node.childNodes.forEach(visit);
  };
  visit(document);
  return { response, html, elements, text, errors };
}

export function attribute(element: Element, name: string): string | undefined {
  return element.attrs.find((each) => each.name === name)?.value;
}

/** The text in an element. */
export function textOf(element: DefaultTreeAdapterTypes.Node): string {
  if ("value" in element) return element.value;
  return "childNodes" in element ? element.childNodes.map(textOf).join("") : "";
}

/** What is wrong with how a page is built: rules that each page has to keep. */
export function structureProblems({ elements, errors }: ReadPage): string[] {
  const problems = [...errors];
  const named = (...names: string[]) => elements.filter(({ tagName }) => names.includes(tagName));
  const say = (isWrong: boolean, problem: string) => isWrong && problems.push(problem);

  const ids = elements.flatMap((element) => attribute(element, "id") ?? []);
  say(new Set(ids).size !== ids.length, "an id is there twice");
  say(named("main").length !== 1, "not one main");
  say(named("h1").length !== 1, "not one h1");
  say(attribute(named("html")[0]!, "lang") !== "en", "no language");
  say(!/\S · imggo-webhooks$/.test(textOf(named("title")[0]!)), "no title");
  const levels = named("h1", "h2", "h3", "h4").map(({ tagName }) => Number(tagName.slice(1)));
  say(levels.some((level, index) => level > (levels[index - 1] ?? 0) + 1), "a heading is skipped");
  const labelled = named("label").map((label) => attribute(label, "for"));
  for (const control of named("input", "select")) {
    if (attribute(control, "type") === "hidden") continue;
    say(!labelled.includes(attribute(control, "id")), `no label: ${attribute(control, "name")}`);
  }
  for (const element of elements) {
    const { tagName, attrs } = element;
    const isScript = tagName === "script" && attribute(element, "src") === undefined;
    say(isScript || ["style", "iframe", "object", "base"].includes(tagName), `a ${tagName}`);
    for (const { name, value } of attrs) {
      say(name === "style" || name.startsWith("on"), `an attribute ${name}`);
      const isPath = /^\/(?![/\\])/.test(value) || value === "#main";
      say(["href", "src", "action"].includes(name) && !isPath, `a link to ${value}`);
    }
  }
  return problems;
}
