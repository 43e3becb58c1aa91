import * as v from "valibot";
import { expectedId, isTimestamp, jobId } from "../job-fields.ts";
import { ImgGoError } from "./errors.ts";
import type { Answer } from "./exchange.ts";

/** A webhook as ImgGo lists it: without its secret. */
export interface Webhook {
  /** ImgGo's id of it. */
  readonly id: string;
  /** Where ImgGo sends events to. */
  readonly url: string;
  /** The names of the events that it sends. */
  readonly events: readonly string[];
  /** Whether it sends any now. */
  readonly active: boolean;
  /** ISO 8601, as ImgGo wrote it. */
  readonly createdAt?: string;
  /** When ImgGo last sent something, ISO 8601, as ImgGo wrote it. */
  readonly lastTriggeredAt?: string;
}

/** The times of an answer; whatever is none says nothing. */
export const time: v.GenericSchema<unknown, string | undefined> = v.fallback(
  v.optional(v.custom<string>(isTimestamp)),
  undefined,
);

/** An id under either of its names, a number too. */
export const anyId: v.GenericSchema<unknown, string> = v.pipe(
  v.union([v.string(), v.pipe(v.number(), v.transform(String))], expectedId),
  v.check((id) => v.is(jobId, id), expectedId),
);

const flag = v.nullish(v.boolean("expected true or false"));

const fields = {
  id: v.nullish(anyId),
  webhook_id: v.nullish(anyId),
  url: v.string("expected a URL"),
  events: v.array(v.string("expected text"), "expected a list"),
  is_active: flag,
  active: flag,
  created_at: time,
  last_triggered_at: time,
};

const expectedWebhook = "expected a webhook with id, url and events";

const webhook = v.pipe(
  v.object(fields, expectedWebhook),
  v.check(({ id, webhook_id }) => (id ?? webhook_id) != null, "expected `id` or `webhook_id`"),
  v.transform((wire): Webhook => ({
    id: String(wire.id ?? wire.webhook_id),
    url: wire.url,
    events: wire.events,
    active: wire.is_active ?? wire.active ?? true,
    ...(wire.created_at !== undefined && { createdAt: wire.created_at }),
    ...(wire.last_triggered_at !== undefined && { lastTriggeredAt: wire.last_triggered_at }),
  })),
);

const shown = v.object({ secret: v.nullish(v.string("expected text")) });

/**
 * A new webhook, and the secret that is shown this once. What else the answer leaves out is as it
 * was asked for: the secret must not be lost to it.
 */
export function readCreated(
  answer: Answer,
  { url, events }: Pick<Webhook, "url" | "events">,
): { webhook: Webhook; secret: string | undefined } {
  const created = v.object({
    data: v.intersect([
      v.pipe(v.looseObject({}), v.transform((wire) => ({ url, events, ...wire })), webhook),
      shown,
    ]),
  }, "expected `data`");
  const { secret, ...rest } = read(created, answer, "a webhook").data;
  return { webhook: rest, secret: secret || undefined };
}

/** The webhooks of a list in any of its three forms. */
export function readWebhooks(answer: Answer): Webhook[] {
  const items = readItems(answer, "webhooks");
  return read(v.array(webhook), { ...answer, json: items }, "webhooks");
}

const items = v.array(v.unknown());

/** What a list holds: `data`, `data.data` or `data` by the items' own name. */
export function readItems(answer: Answer, name: "webhooks" | "jobs"): unknown[] {
  const expected = `expected \`data\`, \`data.data\` or \`data.${name}\` to be a list`;
  const within = (key: string) =>
    v.pipe(v.looseObject({ [key]: items }), v.transform((data) => data[key] as unknown[]));
  const list = v.object({
    data: v.union([items, within("data"), within(name)], expected),
  }, expected);
  return read(list, answer, `a list of ${name}`).data;
}

/**
 * An answer in the form that is expected.
 *
 * @throws {ImgGoError} `unreadable_answer`, which says what was expected and never what came.
 */
export function read<Schema extends v.GenericSchema>(
  schema: Schema,
  { json, status }: Pick<Answer, "json" | "status">,
  what: string,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  const { message, path } = parsed.issues[0];
  // valibot's own messages would repeat what came.
  const expected = json === undefined
    ? "expected JSON; check IMGGO_BASE_URL"
    : message.startsWith("expected")
    ? message
    : "expected another type";
  const where = (path ?? []).map((item) => String(item.key)).join(".");
  throw new ImgGoError(
    "unreadable_answer",
    `ImgGo answered ${status}, but not with ${what}: ${where && `${where}: `}${expected}.`,
    { status },
  );
}
