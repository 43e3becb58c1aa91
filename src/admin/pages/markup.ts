import { html as template } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { visibleLines } from "../../visible.ts";

/** A piece of a page, in which everything is escaped already. */
export type Html = HtmlEscapedString;

/** What stands between the tags. Nothing else has this type, so no object of a payload gets there. */
export type Content = string | number | Html | false | null | undefined | readonly Content[];

/**
 * HTML with text in it, which is escaped and cannot hide: controls and what turns the direction of
 * text show as a replacement character. Every attribute needs its quotes.
 */
export function markup(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  // It gives a promise only where a value is one.
  return template(strings, ...values.map(shown)) as Html;
}

function shown(value: Content): unknown {
  if (Array.isArray(value)) return value.map(shown);
  return typeof value === "string" ? visibleLines(value) : value;
}
