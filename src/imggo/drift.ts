import type { Webhook } from "./answers.ts";

/** One way in which a webhook is not what it should be. */
export type Drift =
  | { readonly field: "events"; readonly is: readonly string[]; readonly wanted: readonly string[] }
  | { readonly field: "active"; readonly is: false; readonly wanted: true };

/** How a webhook differs from an active one of these events. */
export function driftOf(
  { events, active }: Webhook,
  wanted: { readonly events: readonly string[] },
): Drift[] {
  const is = namesOf(events);
  const should = namesOf(wanted.events);
  const sameEvents = is.length === should.length && is.every((name, at) => name === should[at]);
  return [
    ...sameEvents ? [] : [{ field: "events" as const, is: events, wanted: wanted.events }],
    ...active ? [] : [{ field: "active" as const, is: false as const, wanted: true as const }],
  ];
}

/** In one order, each once. ImgGo's documents call a success in two ways. */
function namesOf(events: readonly string[]): string[] {
  const names = events.map((name) => name === "job.completed" ? "job.succeeded" : name);
  return [...new Set(names)].sort();
}

/** The webhook of a URL: one that is written in the same way before one that means the same. */
export function findByUrl(webhooks: readonly Webhook[], url: string): Webhook | undefined {
  return webhooks.find((webhook) => webhook.url === url) ??
    webhooks.find((webhook) => normal(webhook.url) === normal(url));
}

function normal(url: string): string {
  return URL.canParse(url) ? new URL(url).href : url;
}
