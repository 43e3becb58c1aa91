import type { EventJson, IssueJson } from "../../operations/answers.ts";
import { readRequest } from "../../operations/request-schemas.ts";
import { deliveryStates, eventStates } from "../../operations/states.ts";
import { seeOther } from "./answers.ts";
import { field, given } from "./field.ts";
import { type Content, type Html, markup } from "./markup.ts";
import type { Links } from "./links.ts";
import type { Page, View } from "./page.ts";
import { pager } from "./pager.ts";
import { deliveredState, deliveryMark, deliveryState, eventState, toneMark } from "./state.ts";
import { mono, several, time } from "./text.ts";

// What a form shows only when it is asked to, or when it holds something.
const rarer = ["event", "pattern_id", "received_after", "received_before"];
const filters = ["job_id", "state", "delivery_state", ...rarer];
const perPage = "50";
const marksShown = 3;
const urgency = ["dead", "running", "pending"] as const;

/** The events, the last stored first. */
export const events: View = async ({ query, host, operations, links }) => {
  const filter = given(query, filters);
  const asked = { ...filter, ...given(query, ["cursor"]) };
  const read = readRequest("listEvents", { ...inUtc(asked), limit: perPage });
  if ("issues" in read) return badFilter(filter, read.issues, links);
  const { job_id: job = "" } = filter;
  // Whoever has an event's id and not its job's finds it by the same field.
  if (/^evt_\w+$/.test(job) && await host.storage.get(job)) return seeOther(links.event(job));
  const { data, next_cursor } = await operations.listEvents(read.request);
  const isFirst = read.request.cursor === undefined;
  const list = data.length === 0
    ? markup`<p class="card soft">${nothing(filter, next_cursor !== null)}</p>`
    : markup`<ul class="rows events card">${data.map((event) => row(event, links))}</ul>`;
  const parts = { first: "Newest", next: "Older" };
  return page(
    markup`${filterForm(filter, [], links)} <div id="events" class="stack" ${
      isFirst && markup`data-live`
    }>${list} ${pager("/events", asked, next_cursor, links, parts)}</div>`,
  );
};

function page(body: Html, status = 200): Page {
  const head = markup`<div class="head">
<h1>Events</h1>
</div>`;
  return { title: "Events", section: "events", status, body: markup`${head}${body}` };
}

function badFilter(
  filter: Readonly<Record<string, string>>,
  issues: readonly IssueJson[],
  links: Links,
): Page {
  const note = markup`<p class="note card" role="alert">${
    toneMark("bad")
  }<span>The filter cannot be understood: ${
    issues.map((
      { path },
    ) => path.replace("_", " ")).join(", ")
  }.</span></p>`;
  return page(markup`${note}${filterForm(filter, issues, links)}`, 400);
}

// A field for a time gives no zone, and whoever serves the page may be in any.
function inUtc(request: Readonly<Record<string, string>>): Record<string, string> {
  const zoned = Object.entries(request).map(([name, text]) => [
    name,
    name.startsWith("received_") && /T[\d:.]+$/.test(text) ? `${text}Z` : text,
  ]);
  return Object.fromEntries(zoned);
}

function filterForm(
  filter: Readonly<Record<string, string>>,
  issues: readonly IssueJson[],
  links: Links,
): Html {
  const part = (name: string, label: string, more: Content = null, type = "text") =>
    field({ name, label, value: filter[name] ?? "", more, type }, issues);
  const choice = (name: string, label: string, options: readonly string[]) =>
    field({ name, label, value: filter[name] ?? "", options }, issues);
  const at = (name: string, label: string) =>
    field({
      name,
      label,
      // What the field itself takes; what came by a link may say more.
      value: (filter[name] ?? "").replace(/(T\d\d:\d\d(?::\d\d)?)(?:\.\d+)?Z$/, "$1"),
      type: "datetime-local",
    }, issues);
  return markup`<form class="filter card" method="get" action="${
    links.to("/events")
  }" role="search" aria-label="Events"> ${
    part("job_id", "Job or event id", markup`autocomplete="off"`, "search")
  } ${choice("state", "State", eventStates)} ${
    choice("delivery_state", "A delivery is", deliveryStates)
  } <p class="line"><button class="main">Find</button>${
    Object.keys(filter).length > 0 && markup`<a href="${links.to("/events")}">Show all</a>`
  }</p>
<details${rarer.some((name) => name in filter) && markup` open`}>
<summary>More filters</summary>
<div class="fields">${part("event", "Event", markup`list="names" autocomplete="off"`)} ${
    part("pattern_id", "Pattern", markup`autocomplete="off"`)
  } ${at("received_after", "Received from (UTC)")} ${
    at("received_before", "Received before (UTC)")
  }</div>
<datalist id="names"><option value="job.succeeded"><option value="job.failed"></datalist>
</details>
</form>`;
}

function nothing(filter: Readonly<Record<string, string>>, hasMore: boolean): string {
  if (hasMore) return "None among those looked at so far: go on with the older ones.";
  return Object.keys(filter).length > 0
    ? "No event is like this. One that is refused for its signature is among the rejections."
    : "Nothing has come yet. Events show up here by themselves.";
}

function row(event: EventJson, links: Links): Html {
  const { id, job_id, pattern_id, state, duplicates } = event;
  // What needs a look comes first; what went well needs no more than to be counted in.
  const open = urgency.flatMap((state) => event.deliveries.filter((each) => each.state === state));
  const more = open.length - marksShown;
  const worst = open[0]?.state;
  const name = job_id ?? id;
  return markup`<li>${
    state !== "accepted" || event.deliveries.length === 0
      ? eventState(state)
      : worst === undefined
      ? deliveredState()
      : deliveryState(worst)
  } <div><a class="name clip" id="${id}" href="${links.event(id)}" title="${
    [name, pattern_id ?? ""].join("\n").trim()
  }">${mono(name)}</a>
<p class="soft clip"><bdi>${event.event ?? "not understood"}</bdi>${
    duplicates > 0 && ` · ${several(duplicates, "duplicate")}`
  }${event.origin === "reconcile" && " · asked for"}${
    pattern_id !== null && markup` · ${mono(pattern_id)}`
  }</p></div>
<p class="line">${
    open.slice(0, marksShown).map(({ processor, state }) => deliveryMark(processor, state))
  }${more > 0 && markup`<span class="soft">and ${more} more</span>`}</p>
<p class="when">${time(event.received_at)}</p></li>`;
}
