import { type Html, markup } from "./markup.ts";
import type { Links } from "./links.ts";

/** The way through a list in parts. The first part is live; those behind it stay as they are. */
export function pager(
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  next: string | null,
  links: Links,
  names: { readonly first: string; readonly next: string },
): Html | false {
  const isFirst = query["cursor"] === undefined;
  if (isFirst && next === null) return false;
  const first = links.to(path, { ...query, cursor: undefined });
  return markup`<nav class="split" aria-label="Parts of the list">
<span>${!isFirst && markup`<a class="button" href="${first}">${names.first}</a>`}</span> ${
    next !== null &&
    markup`<a class="button" id="next" href="${
      links.to(path, { ...query, cursor: next })
    }">${names.next}</a>`
  }</nav>`;
}
