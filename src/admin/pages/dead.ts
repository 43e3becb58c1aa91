import { toHex } from "../../hex.ts";
import type { DeadGroup } from "../../storage/storage.ts";
import { seeOther } from "./answers.ts";
import { type Html, markup } from "./markup.ts";
import type { Links } from "./links.ts";
import { doneQuery } from "./notice.ts";
import type { Action, Page, View, Visit } from "./page.ts";
import { problemPage } from "./problem.ts";
import { mono, several, time, whole } from "./text.ts";

const groupsShown = 100;

/** The dead deliveries, by processor and what they died of. */
export const dead: View = async ({ host, operations, links }) => {
  const [groups, { count }] = await Promise.all([
    host.storage.deadGroups({ limit: groupsShown }),
    operations.redrive({ dry_run: true }),
  ]);
  const items = await Promise.all(groups.map((group) => item(group, links)));
  const shown = groups.reduce((sum, group) => sum + group.count, 0);
  return {
    title: "Dead deliveries",
    section: "dead",
    body: markup`<div id="dead" class="stack" data-live>
<div class="head"><div><h1>${
      count === 0 ? "Nothing is dead" : `${several(count, "dead delivery", "dead deliveries")}`
    }</h1>
<p>Given up after the last attempt. Once the reason is gone, they can be run again: try one, then the rest.</p></div> ${
      count > 0 &&
      markup`<a class="button" id="all" href="${links.to("/dead/redrive")}">Redrive all…</a>`
    }</div> ${items.length > 0 && markup`<ul class="stack">${items}</ul>`} ${
      shown < count &&
      markup`<p class="soft">These groups hold ${whole(shown)} of them, those that died last.</p>`
    }</div>`,
  };
};

/** Says how many would run again, and asks. */
export const redriveQuestion: View = async (visit) => {
  const { operations, links } = visit;
  const group = await findGroup(visit);
  if (group === "gone") return gone(links);
  const { count } = await operations.redrive({ ...filterOf(group), dry_run: true });
  if (count === 0) return gone(links);
  const title = `Redrive ${several(count, "delivery", "deliveries")}?`;
  return {
    title,
    section: "dead",
    body: markup`<div class="head">
<div>
<p><a href="${links.to("/dead")}">Dead</a></p>
<h1>${title}</h1>
<p>${
      group === undefined
        ? "All that are dead, of every processor."
        : markup`All of ${mono(group.processor)} that died of this:`
    }</p>
</div>
</div> ${
      group !== undefined && markup`<pre tabindex="0">${group.error}</pre>`
    } <p class="soft">Their attempts are counted anew. What dies again shows up again.</p>
<form class="line" method="post" action="${
      links.to("/dead/redrive", { group: visit.query.get("group") ?? undefined })
    }"><input type="hidden" name="count" value="${count}"><button class="main">Redrive ${
      whole(count)
    }</button><a class="button" href="${links.to("/dead")}">Leave them</a></form>`,
  };
};

/** Runs them again: no more than the question said. */
export const redrive: Action = async (visit, form) => {
  const { operations, links, query } = visit;
  const group = await findGroup(visit);
  if (group === "gone") return gone(links);
  const asked = form.get("count") ?? "";
  if (!/^[1-9]\d{0,8}$/.test(asked)) return seeOther(links.to("/dead"));
  const limit = Number(asked);
  const { count, remaining } = await operations.redrive({
    ...filterOf(group),
    limit,
    dry_run: false,
  });
  const unfinished = count < limit && remaining > 0;
  const done = doneQuery("redriven", count, unfinished ? remaining : 0);
  const again = { group: query.get("group") ?? undefined, ...done };
  return seeOther(unfinished ? links.to("/dead/redrive", again) : links.to("/dead", done));
};

async function item(group: DeadGroup, links: Links): Promise<Html> {
  const { processor, error, count, lastEndedAt, lastEventId } = group;
  const key = await keyOf(group);
  return markup`<li class="card stack">
<div class="split"><div class="line"><h2>${mono(processor)}</h2><span class="bad">${
    whole(count)
  } dead</span><span class="soft">the last one ${
    time(new Date(lastEndedAt).toISOString())
  }</span></div>
<a class="button" id="group-${key}" href="${links.to("/dead/redrive", { group: key })}">Redrive ${
    whole(count)
  }…<span class="unseen"> of ${processor}</span></a></div>
<pre tabindex="0">${error}</pre>
<div class="line"><a id="last-${key}" href="${links.event(lastEventId)}">${
    count === 1 ? "Its event" : "The event that died last"
  }</a> ${
    count > 1 &&
    markup`<form method="post" action="${
      links.event(lastEventId)
    }/redeliver"><input type="hidden" name="processor" value="${processor}"><button class="small" id="one-${key}">Try just this one</button></form>`
  }</div>
</li>`;
}

/** The group that the query names: undefined where it names none. */
async function findGroup({ host, query }: Visit): Promise<DeadGroup | undefined | "gone"> {
  const asked = query.get("group");
  if (asked === null) return undefined;
  for (const group of await host.storage.deadGroups({ limit: groupsShown })) {
    if (await keyOf(group) === asked) return group;
  }
  return "gone";
}

function filterOf(group: DeadGroup | undefined): { processor?: string; error?: string } {
  return group === undefined ? {} : { processor: group.processor, error: group.error };
}

/** Names a group in a URL: what an error says stays out of the logs of whoever sees URLs. */
async function keyOf({ processor, error }: DeadGroup): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify([processor, error]));
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", text))).slice(0, 24);
}

function gone(links: Links): Page {
  const sentence = "None of these is dead any more: somebody may have redriven them already.";
  const back = { path: links.to("/dead"), name: "Back to the dead" };
  return problemPage(404, "Nothing to redrive", sentence, back);
}
