import type { EventDetailJson } from "../../operations/answers.ts";
import { OperationError } from "../../operations/operations.ts";
import { readRequest } from "../../operations/request-schemas.ts";
import { answerBytes } from "../api-answers.ts";
import { seeOther } from "./answers.ts";
import { deliveryCard } from "./delivery.ts";
import { given } from "./field.ts";
import { type Content, type Html, markup } from "./markup.ts";
import type { Links } from "./links.ts";
import { doneQuery } from "./notice.ts";
import type { Action, View } from "./page.ts";
import { eventState } from "./state.ts";
import { copyButton, fact, fullTime, mono, size, whole } from "./text.ts";
import { prettyJson, tree } from "./tree.ts";

/** All that is known of an event. */
export const event: View = async ({ parameters, operations, host, links }) => {
  const found = await operations.getEvent(parameters["id"] ?? "");
  return {
    title: `${found.event ?? "Event"} of ${found.job_id ?? found.id}`,
    section: "events",
    body: markup`<div class="head">
<div>
<p><a href="${links.to("/events")}">Events</a></p>
<div class="line"><h1><bdi>${found.event ?? "Not understood"}</bdi></h1>${
      eventState(found.state)
    }</div> ${explanation(found)}</div>
</div>
<dl class="facts card">${facts(found, links)}</dl>
<div class="both">${deliveriesOf(found, host.processors, links)}${contentOf(found, links)}</div>`,
  };
};

/** The raw bytes of an event, to be saved. */
export const eventBody: View = async ({ parameters, operations }) => {
  const id = parameters["id"] ?? "";
  return answerBytes(id, await operations.eventBody(id));
};

/** Runs an event again. */
export const redeliver: Action = async ({ parameters, operations, links }, form) => {
  const id = parameters["id"] ?? "";
  const read = readRequest("redeliver", given(form, ["processor"]));
  if ("issues" in read) {
    throw new OperationError("invalid_request", "The form names no processor.", read.issues);
  }
  const { count } = await operations.redeliver(id, read.request);
  const done = count > 0 ? doneQuery("redelivered", count) : doneQuery("nothing_due");
  return seeOther(`${links.event(id)}?${new URLSearchParams(done)}`);
};

function explanation({ state }: EventDetailJson): Html | false {
  const said = {
    accepted: undefined,
    ignored: "Signed, but not the end of a job: kept, and not handed to processors.",
    quarantined: "Signed, but not understood: kept, and not handed to processors.",
    superseded: "The job succeeded after all: this is kept, and no longer handed to processors.",
  }[state];
  return said !== undefined && markup`<p>${said}</p>`;
}

function facts(event: EventDetailJson, links: Links): readonly Content[] {
  const { id, job_id, pattern_id, duplicates, trace_id, key, received_at, origin } = event;
  return [
    fact("Received", fullTime(received_at)),
    job_id !== null && fact(
      "Job",
      markup`<a href="${links.to("/events", { job_id })}">${mono(job_id)}</a> ${
        copyButton(job_id, "the job's id")
      }`,
    ),
    pattern_id !== null &&
    fact(
      "Pattern",
      markup`<a href="${links.to("/events", { pattern_id })}">${mono(pattern_id)}</a>`,
    ),
    fact("Event id", markup`${mono(id)} ${copyButton(id, "the event's id")}`),
    fact("Came", origin === "webhook" ? "by webhook" : "from ImgGo, when asked for it"),
    fact("Duplicates", duplicates === 0 ? "none" : whole(duplicates)),
    fact("Deduplicated by", mono(key)),
    trace_id !== null &&
    fact("Trace", markup`${mono(trace_id)} ${copyButton(trace_id, "the trace's id")}`),
  ];
}

function deliveriesOf(
  { id, state, deliveries }: EventDetailJson,
  processors: readonly string[],
  links: Links,
): Html | false {
  if (state !== "accepted" && deliveries.length === 0) return false;
  const action = `${links.event(id)}/redeliver`;
  const isOpen = deliveries.some(({ state }) => state === "pending" || state === "running");
  const others = processors.filter((name) =>
    !deliveries.some(({ processor }) => processor === name)
  );
  const canAll = state === "accepted" && deliveries.length > 1 && !isOpen;
  return markup`<section id="deliveries" class="stack" ${isOpen && markup`data-live`}>
<div class="split"><h2>Deliveries</h2>${
    canAll &&
    markup`<form method="post" action="${action}" data-confirm="Run all ${deliveries.length} again?"><button id="all">Redeliver all</button></form>`
  }</div> ${
    deliveries.length === 0 &&
    markup`<p class="card soft">There was no processor when it came.</p>`
  } <ul class="stack">${
    deliveries.map((delivery) => deliveryCard(delivery, state === "accepted" && action))
  }</ul> ${
    state === "accepted" &&
    others.map((name) =>
      markup`<form method="post" action="${action}"><input type="hidden" name="processor" value="${name}"><button>Hand it to <bdi>${name}</bdi> too</button></form>`
    )
  }</section>`;
}

function contentOf(event: EventDetailJson, links: Links): Html {
  const { id, canonical, issues = [], code } = event;
  const raw = markup`<a class="button" href="${links.event(id)}/body" download>Raw bytes (${
    size(event.size)
  })</a>`;
  if (canonical === null) {
    return markup`<section class="card stack"><div class="split"><h2>Content</h2>${raw}</div> ${
      code === "invalid_json" && markup`<p>It is not JSON in UTF-8.</p>`
    } ${
      issues.length > 0 &&
      markup`<ul class="stack">${
        issues.map(({ path, message }) =>
          markup`<li>${mono(path || "the payload")}: ${message}</li>`
        )
      }</ul>`
    }</section>`;
  }
  const data = canonical["data"] as Readonly<Record<string, unknown>>;
  const { job_id: _job, pattern_id: _pattern, status: _status, result, error, ...beside } = data;
  const isFailed = canonical["event"] === "job.failed";
  const whole = tree(canonical);
  const drawn = tree(isFailed ? error : result);
  return markup`<section class="card stack"><div class="split"><h2>${
    isFailed ? "Why the job failed" : "Result"
  }</h2>${raw}</div> ${drawn.html} ${
    Object.keys(beside).length > 0 && markup`<h3>Beside it</h3>${tree(beside).html}`
  } ${
    whole.isWhole
      ? markup`<details>
<summary>As processors get it (JSON)</summary>
<div class="stack">
<pre id="canonical" tabindex="0">${prettyJson(canonical)}</pre>
<p>${copyButton(prettyJson(canonical), "the JSON")}</p>
</div>
</details>`
      : markup`<p class="soft">This is not all of it: the raw bytes are.</p>`
  }</section>`;
}
