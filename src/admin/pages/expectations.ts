import type { ExpectationJson, IssueJson } from "../../operations/answers.ts";
import { OperationError } from "../../operations/operations.ts";
import { readRequest } from "../../operations/request-schemas.ts";
import { seeOther } from "./answers.ts";
import { field, given } from "./field.ts";
import { type Html, markup } from "./markup.ts";
import { doneQuery } from "./notice.ts";
import type { Action, Page, View, Visit } from "./page.ts";
import { pager } from "./pager.ts";
import { overdueState } from "./state.ts";
import { mono, several, time } from "./text.ts";

const fields = ["job_id", "pattern_id", "deadline_s"];

/** The jobs whose ends are awaited, and a form to await one. */
export const expectations: View = (visit) => show(visit, {}, []);

/** Awaits the end of a job. */
export const expect: Action = async (visit, form) => {
  const filled = given(form, fields);
  const read = readRequest("expect", filled);
  if ("issues" in read) return await show(visit, filled, read.issues);
  const { state } = await visit.operations.expect(read.request);
  const done = doneQuery(state === "fulfilled" ? "fulfilled" : "awaited");
  return seeOther(visit.links.to("/expectations", done));
};

async function show(
  { query, operations, links }: Visit,
  filled: Readonly<Record<string, string>>,
  issues: readonly IssueJson[],
): Promise<Page> {
  const asked = given(query, ["cursor"]);
  const read = readRequest("listExpectations", asked);
  if ("issues" in read) throw new OperationError("invalid_request", "The cursor is none.");
  const { data, next_cursor } = await operations.listExpectations(read.request);
  const isFirst = read.request.cursor === undefined;
  const list = data.length === 0
    ? markup`<p class="card soft">No job's end is awaited.</p>`
    : markup`<ul class="rows card">${data.map(row)}</ul>`;
  const part = (name: string, label: string, more: Html, type = "text", preset = "") =>
    field({ name, label, value: filled[name] ?? preset, more, type }, issues);
  return {
    title: "Expectations",
    section: "expectations",
    ...(issues.length > 0 && { status: 400 }),
    body: markup`<div class="head">
<div>
<h1>Expectations</h1>
<p>Jobs whose ends are awaited. ImgGo is asked for one that has not come by its deadline.</p>
</div>
</div>
<form class="filter card" method="post" action="${
      links.to("/expectations")
    }" aria-label="Await a job"> ${part("job_id", "Job", markup`required autocomplete="off"`)} ${
      part("pattern_id", "Pattern, if known", markup`autocomplete="off"`)
    } ${
      part(
        "deadline_s",
        "Deadline, in seconds from now",
        markup`min="0" required`,
        "number",
        "600",
      )
    } <p class="line"><button class="main">Await it</button></p>
</form>
<div id="expectations" class="stack" ${isFirst && markup`data-live`}>${list} ${
      pager("/expectations", asked, next_cursor, links, { first: "First", next: "Next" })
    }</div>`,
  };
}

function row(expectation: ExpectationJson): Html {
  const { job_id, pattern_id, deadline_at, overdue, asked, ask_at, last_error } = expectation;
  return markup`<li class="pair">
<div>${mono(job_id)}<p class="soft line">${
    pattern_id !== null &&
    mono(pattern_id)
  }<span>${asked === 0 ? "not asked for yet" : markup`asked for ${several(asked, "time")}`}${
    ask_at === null
      ? ", not again by itself"
      : Date.parse(ask_at) <= Date.now()
      ? ", to be asked for now"
      : markup`, to be asked for ${time(ask_at)}`
  }</span></p>${
    last_error !== null &&
    markup`<p class="bad">${last_error}</p>`
  }</div>
<p class="when">${overdue ? markup`${overdueState()}<br>` : "due "}${time(deadline_at)}</p>
</li>`;
}
