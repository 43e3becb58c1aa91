import type { AttemptJson, DeliveryDetailJson } from "../../operations/answers.ts";
import { type Html, markup } from "./markup.ts";
import { attemptState, deliveryState } from "./state.ts";
import { duration, mono, several, time } from "./text.ts";

/**
 * A delivery with its attempts in the order of time.
 *
 * @param action Where a form goes that runs it again, if its event is one that can be.
 */
export function deliveryCard(delivery: DeliveryDetailJson, action: string | false): Html {
  const { processor, state, history, last_error } = delivery;
  // As long as attempts are remembered, they say it.
  const error = history.some(({ error }) => error !== null) ? null : last_error;
  return markup`<li class="card stack">
<div class="split"><div class="line"><h3>${mono(processor)}</h3>${deliveryState(state)}</div>${
    action !== false && (state === "succeeded" || state === "dead") &&
    redeliverForm(action, delivery)
  }</div>
<p class="soft">${progress(delivery)}</p> ${
    error !== null && markup`<pre class="bad" tabindex="0">${error}</pre>`
  } ${
    history.length > 0 && markup`<ol class="attempts">${
      history.map((attempt, index) => attemptItem(attempt, history[index - 1]))
    }</ol>`
  } </li>`;
}

/** A form that runs a delivery again; of one that succeeded it asks before, as that does it twice. */
function redeliverForm(action: string, { processor, state }: DeliveryDetailJson): Html {
  return markup`<form method="post" action="${action}" ${
    state === "succeeded" &&
    markup` data-confirm="${processor} has succeeded. Run it again?"`
  }><input type="hidden" name="processor" value="${processor}"><button id="again-${processor}">Redeliver<span class="unseen"> to ${processor}</span></button></form>`;
}

function progress({ state, attempts, due_at, ended_at }: DeliveryDetailJson): Html {
  const times = several(attempts, "attempt");
  if (state === "pending" && due_at !== null) {
    const isDue = Date.parse(due_at) <= Date.now();
    return markup`${attempts > 0 && `${times} so far. `}${isDue ? "It was due" : "To be run"} ${
      time(due_at)
    }.`;
  }
  if (state === "running") {
    return markup`${times} so far, one of them now. ${
      due_at !== null && markup`Its lease ends ${time(due_at)}.`
    }`;
  }
  return markup`${state === "dead" ? "Given up" : "Done"} ${
    ended_at !== null && time(ended_at)
  }, after ${times}.`;
}

function attemptItem(
  { attempt, state, started_at, ended_at, error }: AttemptJson,
  before: AttemptJson | undefined,
): Html {
  const between = (from: string, to: string) =>
    duration(Math.max(0, Date.parse(to) - Date.parse(from)) / 1_000);
  // How long after the one before says more than how long ago.
  const later = before?.ended_at && `${between(before.ended_at, started_at)} later`;
  return markup`<li><div class="line"><span>Attempt ${attempt}</span>${
    attemptState(state)
  }<span class="soft">${time(started_at, later || undefined)}${
    ended_at !== null && `, took ${between(started_at, ended_at)}`
  }</span></div>${
    error !== null && (error === before?.error
      ? markup`<p class="soft">The same error again.</p>`
      : markup`<pre tabindex="0">${error}</pre>`)
  }</li>`;
}
