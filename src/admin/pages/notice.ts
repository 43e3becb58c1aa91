import { type Html, markup } from "./markup.ts";
import { toneMark } from "./state.ts";
import { several, whole } from "./text.ts";

/** What was done, as a query names it: its words are here, so that nobody else's get on a page. */
export type Done =
  | "redelivered"
  | "nothing_due"
  | "redriven"
  | "reverified"
  | "awaited"
  | "fulfilled";

const sentences: Readonly<Record<Done, (count: number, left: number) => string>> = {
  redelivered: (count) =>
    `${
      several(count, "delivery is", "deliveries are")
    } due again, and run as soon as a worker is free.`,
  nothing_due: () => "Nothing changed: what was meant waits or runs already.",
  redriven: (count, left) =>
    `${several(count, "dead delivery is", "dead deliveries are")} due again.${
      left > 0 ? ` There was no time for ${whole(left)} more: go on below.` : ""
    }`,
  reverified: (count, left) =>
    `${several(count, "refused request was", "refused requests were")} accepted now. ${
      left > 0 ? `${whole(left)} did not pass or are yet to be checked.` : "None is left."
    }`,
  awaited: () => "The end of the job is awaited.",
  fulfilled: () => "The end of the job is stored already: nothing is awaited.",
};

/** The query by which the next page says it. */
export function doneQuery(done: Done, count = 0, left = 0): Record<string, string> {
  return { done, count: `${count}`, left: `${left}` };
}

/** What was done before, where the query names it. */
export function notice(query: URLSearchParams): Html | false {
  const done = query.get("done") ?? "";
  if (!Object.hasOwn(sentences, done)) return false;
  const number = (name: string) => {
    const digits = query.get(name) ?? "";
    return /^\d{1,9}$/.test(digits) ? Number(digits) : 0;
  };
  const sentence = sentences[done as Done](number("count"), number("left"));
  return markup`<p class="note card" role="status">${toneMark("ok")}<span>${sentence}</span></p>`;
}
