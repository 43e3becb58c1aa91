import { type Html, markup } from "./markup.ts";
import { several, whole } from "./text.ts";

/** JSON as nested lists that open and close. */
export interface Tree {
  readonly html: Html;
  /** False: it is larger than a page should be, and not all of it is shown. */
  readonly isWhole: boolean;
}

const maxDepth = 20;
const maxEntries = 200;
const maxNodes = 2_000;
const maxText = 2_000;
// What is deeper is closed at first.
const openDepth = 3;

/**
 * Draws a value of JSON, whatever its depth and width. What is beyond a level's first 200 entries,
 * 20 levels, 2,000 values in all or 2,000 characters of a text is left out, and it says so.
 */
export function tree(value: unknown): Tree {
  let left = maxNodes;
  let isWhole = true;

  const cut = (said: string) => {
    isWhole = false;
    return markup`<span class="soft">${said}</span>`;
  };

  const text = (value: string): Html =>
    value.length <= maxText
      ? markup`<bdi class="string">${escaped(value)}</bdi>`
      : markup`<bdi class="string">${escaped(value.slice(0, maxText))}</bdi> ${
        cut(`… and ${whole(value.length - maxText)} more characters`)
      }`;

  const leaf = (value: unknown): Html => {
    if (typeof value === "string") return text(value);
    const kind = typeof value === "number" ? "number" : "other";
    return markup`<span class="${kind}">${String(value)}</span>`;
  };

  const entry = (key: string, value: unknown, depth: number): Html => {
    left--;
    const name = markup`<bdi class="key">${escaped(key)}</bdi>`;
    if (typeof value !== "object" || value === null) {
      return markup`<li><span>${name}: ${leaf(value)}</span></li>`;
    }
    const entries = Object.entries(value);
    const count = Array.isArray(value)
      ? several(entries.length, "entry", "entries")
      : several(entries.length, "field");
    if (entries.length === 0) {
      return markup`<li><span>${name}: <span class="soft">${count}</span></span></li>`;
    }
    return markup`<li>
<details${
      depth < openDepth && markup` open`
    }><summary>${name}: <span class="soft">${count}</span></summary>${
      list(entries, depth + 1)
    }</details></li>`;
  };

  const list = (entries: readonly (readonly [string, unknown])[], depth: number): Html => {
    if (depth >= maxDepth) {
      return markup`<ul>
<li>${cut("… deeper than is shown here")}</li>
</ul>`;
    }
    const items: Html[] = [];
    for (const [key, value] of entries) {
      if (items.length >= maxEntries || left <= 0) break;
      items.push(entry(key, value, depth));
    }
    const more = entries.length - items.length;
    return markup`<ul>${items}${
      more > 0 && markup`<li>${cut(`… and ${whole(more)} more`)}</li>`
    }</ul>`;
  };

  const drawn = typeof value === "object" && value !== null && Object.keys(value).length > 0
    ? list(Object.entries(value), 0)
    : leaf(typeof value === "object" && value !== null ? JSON.stringify(value) : value);
  return { html: markup`<div class="tree">${drawn}</div>`, isWhole };
}

/** JSON over several lines, in which nothing hides: it can be copied, and means the same. */
export function prettyJson(value: unknown): string {
  return escaped(JSON.stringify(value, null, 2));
}

/** What cannot be seen, as JSON writes it; line ends stay. */
function escaped(text: string): string {
  return text.replace(
    /(?!\n)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
