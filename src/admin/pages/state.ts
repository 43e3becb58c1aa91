import type { AttemptState, DeliveryState, EventState } from "../../storage/storage.ts";
import { type Html, markup } from "./markup.ts";

/** How something stands: told by a shape, a colour and a word, each of which is enough. */
export type Tone = "ok" | "bad" | "warn" | "busy" | "quiet";

// As paths in a square of 16.
const shapes = {
  check: "m3 8.5 3.3 3.3L13 5",
  cross: "m4 4 8 8m0-8-8 8",
  ring: "M8 3a5 5 0 1 0 .01 0z",
  arc: "M8 2.5A5.5 5.5 0 1 1 2.5 8",
  again: "M13 8a5 5 0 1 1-1.5-3.6M12 1.5v3.2H8.8",
  triangle: "M8 2.5 14.5 13.5h-13zM8 7v3",
  dash: "M3.5 8h9",
};

type Look = readonly [Tone, keyof typeof shapes];

const events: Readonly<Record<EventState, Look>> = {
  accepted: ["ok", "check"],
  ignored: ["quiet", "dash"],
  quarantined: ["warn", "triangle"],
  superseded: ["quiet", "dash"],
};

const deliveries: Readonly<Record<DeliveryState, Look>> = {
  pending: ["busy", "ring"],
  running: ["busy", "arc"],
  succeeded: ["ok", "check"],
  dead: ["bad", "cross"],
};

const attempts: Readonly<Record<AttemptState, readonly [...Look, said: string]>> = {
  running: ["busy", "arc", "running"],
  succeeded: ["ok", "check", "succeeded"],
  retry: ["warn", "again", "failed"],
  dead: ["bad", "cross", "failed for good"],
  released: ["quiet", "dash", "given back unfinished"],
  lost: ["warn", "triangle", "lost: it never told its end"],
};

export const eventState = (state: EventState): Html => told(events[state], state);
export const deliveryState = (state: DeliveryState): Html => told(deliveries[state], state);
export const attemptState = (state: AttemptState): Html => {
  const [tone, shape, said] = attempts[state];
  return told([tone, shape], said);
};
/** Of an event, whose deliveries have all succeeded. */
export const deliveredState = (): Html => told(deliveries.succeeded, "delivered");
export const overdueState = (): Html => told(["bad", "triangle"], "overdue");

/** A delivery in a few letters: its processor, with the state as a shape, and for who hears it. */
export function deliveryMark(processor: string, state: DeliveryState): Html {
  return markup`<span class="state ${deliveries[state][0]}">${
    shape(deliveries[state][1])
  }<bdi>${processor}</bdi><span class="unseen">: ${state}</span></span>`;
}

/** The shape of a tone, for a sentence that has it. */
export function toneMark(tone: "ok" | "bad" | "warn"): Html {
  const look = { ok: "check", bad: "cross", warn: "triangle" } as const;
  return shape(look[tone], `mark ${tone}`);
}

function told([tone, name]: Look, said: string): Html {
  return markup`<span class="state ${tone}">${shape(name)}${said}</span>`;
}

function shape(name: keyof typeof shapes, classes = ""): Html {
  return markup`<svg class="${classes}" viewBox="0 0 16 16" aria-hidden="true">
<path d="${shapes[name]}" />
</svg>`;
}
