import type { IssueJson } from "../../operations/answers.ts";
import { type Content, type Html, markup } from "./markup.ts";

/** A field of a form. */
export interface Field {
  readonly name: string;
  readonly label: string;
  /** What it holds now. */
  readonly value: string;
  readonly type?: string;
  /** Other attributes. */
  readonly more?: Content;
  /** What may be chosen: with it, it is a choice, and else none. */
  readonly options?: readonly string[];
}

/** A field with its label, and with what is wrong in it. */
export function field(
  { name, label, value, type = "text", more, options }: Field,
  issues: readonly IssueJson[],
): Html {
  const issue = issues.find(({ path }) => path === name);
  const common = markup`id="${name}" name="${name}"${more && markup` ${more}`}${
    issue && markup` aria-invalid="true" aria-describedby="${name}-issue"`
  }`;
  return markup`<div><label for="${name}">${label}</label>${
    options === undefined
      ? markup`<input type="${type}" value="${value}" ${common}>`
      : markup`<select ${common}><option value="">any</option>${
        options.map((option) =>
          markup`<option${option === value && markup` selected`}>${option}</option>`
        )
      }</select>`
  }${issue && markup`<p class="bad" id="${name}-issue">${issue.message}</p>`}</div>`;
}

/** What is given of a form or a query: a field that is left empty is not. */
export function given(
  from: URLSearchParams,
  names: readonly string[],
): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = (from.get(name) ?? "").trim();
      return value === "" ? [] : [[name, value]];
    }),
  );
}
