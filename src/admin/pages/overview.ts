import type { StatsJson } from "../../operations/answers.ts";
import type { PluginHost } from "../../plugin.ts";
import { activityNames } from "../../storage/activity.ts";
import { pingWithin } from "../../storage/ping-within.ts";
import { eventStates } from "../../operations/states.ts";
import { chart, periods } from "./chart.ts";
import { type Html, markup } from "./markup.ts";
import type { Links } from "./links.ts";
import type { View } from "./page.ts";
import { type Tone, toneMark } from "./state.ts";
import { duration, fact, mono, several, time, whole } from "./text.ts";

const dayMs = 24 * 3_600_000;
const pingWithinMs = 1_000;
// A worker that is there takes what is due within its poll; what is due longer has none, or too few.
const waitsLongSeconds = 300;

/** Is it well? */
export const overview: View = async ({ host, operations, links }) => {
  const now = Date.now();
  const startedAt = performance.now();
  const [stats, activity, health] = await Promise.all([
    operations.stats(),
    // In an async function: were it to throw, what was asked before would fail unheard.
    (async () => await host.storage.activity.list(now - dayMs))(),
    pingWithin(host.storage, pingWithinMs),
  ]);
  const answeredMs = performance.now() - startedAt;
  const concerns = concernsOf(stats, health?.spooling ?? false, links);
  const charts = periods.map((period) =>
    markup`<section class="card stack"><h2>${sentenceCase(period.name)}</h2>${
      activityNames.map((name) => chart(name, period, activity, now))
    }</section>`
  );
  const title = headline(concerns, stats);
  return {
    title: "Overview",
    section: "overview",
    body: markup`<div id="overview" class="stack" data-live>
<div class="line">${toneMark(worst(concerns))}<h1>${title}</h1></div> ${
      stats.last_received_at === null && firstSteps(host)
    } ${
      concerns.length > 0 &&
      markup`<ul class="rows card">${
        concerns.map(({ tone, said }) =>
          markup`<li class="note">${toneMark(tone)}<p>${said}</p></li>`
        )
      }</ul>`
    } <dl class="facts big card">${facts(stats, links)}</dl>
<div class="grid">${charts}</div>
<div class="grid">
<section class="card stack"><h2>Stored events</h2>${stored(stats, links)}</section>
<section class="card stack"><h2>This receiver</h2>${
      receiver(host, stats, health, answeredMs)
    }</section>
</div>
</div>`,
  };
};

interface Concern {
  readonly tone: Extract<Tone, "bad" | "warn">;
  readonly said: Html;
}

function concernsOf(stats: StatsJson, isSpooling: boolean, links: Links): readonly Concern[] {
  const { dead } = stats.deliveries;
  const { quarantined } = stats.events;
  const waits = stats.oldest_pending_seconds ?? 0;
  const rejected = stats.rates.last_hour.rejected;
  const among: readonly (readonly [boolean, Concern["tone"], Html])[] = [
    [
      isSpooling,
      "bad",
      markup`The storage does not take events: ${
        several(stats.spooled, "event waits", "events wait")
      } in the spool until it does.`,
    ],
    [
      dead > 0,
      "bad",
      markup`<a href="${links.to("/dead")}">${
        several(dead, "delivery is", "deliveries are")
      } dead</a>: given up after the last attempt.`,
    ],
    [
      waits > waitsLongSeconds,
      "bad",
      markup`<a href="${
        links.to("/events", {
          delivery_state: "pending",
        })
      }">Deliveries have been due for ${
        duration(waits)
      }</a> and nothing runs them: is there a worker, and does it keep up?`,
    ],
    [
      stats.overdue > 0,
      "bad",
      markup`<a href="${links.to("/expectations")}">${
        several(stats.overdue, "result is", "results are")
      } overdue</a>: jobs whose ends have not come by their deadline.`,
    ],
    [
      rejected > 0,
      "warn",
      markup`<a href="${links.to("/rejections")}">${
        several(
          rejected,
          "request was",
          "requests were",
        )
      } refused</a> within the last hour. If ImgGo sent them, the secret is wrong.`,
    ],
    [
      quarantined > 0,
      "warn",
      markup`<a href="${links.to("/events", { state: "quarantined" })}">${
        several(quarantined, "event is", "events are")
      } quarantined</a>: signed, but not understood.`,
    ],
  ];
  return among.flatMap(([applies, tone, said]) => applies ? [{ tone, said }] : []);
}

function worst(concerns: readonly Concern[]): "ok" | "bad" | "warn" {
  if (concerns.some(({ tone }) => tone === "bad")) return "bad";
  return concerns.length > 0 ? "warn" : "ok";
}

function headline(concerns: readonly Concern[], stats: StatsJson): string {
  if (concerns.length === 1) return "One thing needs a look";
  if (concerns.length > 1) return `${concerns.length} things need a look`;
  return stats.last_received_at === null ? "Ready, and nothing has come yet" : "All is well";
}

function firstSteps({ path }: PluginHost): Html {
  return markup`<p class="lead">ImgGo is to send its webhooks to ${
    mono(path)
  } on this host. They show up here by themselves.</p>`;
}

function facts(stats: StatsJson, links: Links): readonly Html[] {
  const { backlog, deliveries, expectations } = stats;
  return [
    fact(
      "Last event",
      stats.last_received_at === null ? "none yet" : time(stats.last_received_at),
      stats.last_received_at !== null &&
        markup`<a href="${links.to("/events")}">${
          whole(stats.rates.last_day.accepted)
        } within 24 hours</a>`,
    ),
    fact(
      "Backlog",
      whole(backlog),
      stats.oldest_due_at === null
        ? backlog === 0 ? "nothing waits" : `${whole(deliveries.running)} running, none due yet`
        : markup`the oldest due ${time(stats.oldest_due_at)}`,
    ),
    fact(
      "Dead",
      whole(deliveries.dead),
      markup`<a href="${links.to("/dead")}">${
        deliveries.dead === 0 ? "none given up" : "grouped by error"
      }</a>`,
    ),
    fact(
      "Overdue",
      whole(stats.overdue),
      markup`<a href="${links.to("/expectations")}">${whole(expectations.waiting)} ${
        stats.overdue > 0 && "more "
      }awaited</a>`,
    ),
  ];
}

function stored(stats: StatsJson, links: Links): Html {
  return markup`<dl class="facts">${
    eventStates.map((state) =>
      fact(
        sentenceCase(state),
        markup`<a href="${links.to("/events", { state })}">${whole(stats.events[state])}</a>`,
      )
    )
  }${fact("Duplicates", whole(stats.duplicates))}${
    fact(
      "Refused, kept",
      markup`<a href="${links.to("/rejections")}">${whole(stats.rejections)}</a>`,
    )
  }</dl>`;
}

function receiver(
  { path, processors, role }: PluginHost,
  stats: StatsJson,
  health: { readonly spooling?: boolean } | void,
  answeredMs: number,
): Html {
  const names = processors.map((name, index) => [index > 0 && ", ", mono(name)]);
  return markup`<dl class="facts">${
    fact(
      "Storage",
      health?.spooling ? "does not take events" : `answers in ${duration(answeredMs / 1_000)}`,
    )
  }${fact("Spool", stats.spooled > 0 ? `${several(stats.spooled, "event")} in it` : "empty")}${
    fact("Processors", names.length > 0 ? names : "none")
  }${fact("This process", roles[role])}${fact("Webhook", mono(path))}</dl>`;
}

const roles = { all: "receives and works", receiver: "only receives", worker: "only works" };

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
