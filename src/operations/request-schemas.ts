import * as v from "valibot";
import { expectedSegment, isSegment } from "../imggo/segment.ts";
import { expectedId, jobId } from "../job-fields.ts";
import type { Requests } from "./requests.ts";
import { deliveryStates, eventStates } from "./states.ts";

// A message never repeats what came. Query parameters come as text, the fields of a body as JSON: of
// numbers and flags both are taken.

const expectedTime = "expected a time in ISO 8601, such as 2026-01-31T12:00:00Z";

const time = v.pipe(
  v.string(expectedTime),
  v.check((text) => /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text)), expectedTime),
  v.metadata({ format: "date-time" }),
);

/** Text that every storage can look for. */
const text = (most: number) =>
  v.pipe(
    v.string("expected text"),
    v.minLength(1, "expected text, got none"),
    v.maxLength(most, `expected at most ${most} characters`),
    v.check((text) => text.isWellFormed() && !text.includes("\0"), "expected text in Unicode"),
  );

// As long as the ids and names of events may be, whose characters may be two units long.
const name = text(510);

const wholeNumber = (least: number, most: number) => {
  const expected = `expected a whole number from ${least} to ${most}`;
  return v.pipe(
    v.unknown(),
    v.transform((value) =>
      typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value
    ),
    v.number(expected),
    v.integer(expected),
    v.minValue(least, expected),
    v.maxValue(most, expected),
  );
};

const flag = v.pipe(
  v.unknown(),
  v.transform((value) => value === "true" ? true : value === "false" ? false : value),
  v.boolean("expected true or false"),
);

const oneOf = <Option extends string>(options: readonly Option[]) =>
  v.picklist(options, `expected one of ${options.join(", ")}`);

const job = v.pipe(v.string(expectedSegment), v.check((text) => isSegment(text), expectedSegment));
const pattern = v.pipe(v.string(expectedId), v.check((id) => v.is(jobId, id), expectedId));

const position = {
  limit: v.optional(wholeNumber(1, 200), 50),
  cursor: v.optional(text(10_000)),
};

// A name that is misspelt must not widen what is meant.
const request = <const Entries extends v.ObjectEntries>(entries: Entries) =>
  v.strictObject(entries, ({ expected, path }) => {
    const names = Object.keys(entries).join(", ");
    if (expected === "never") return names === "" ? "expected nothing" : `expected one of ${names}`;
    return path === undefined ? "expected an object" : "expected a value, got none";
  });

/** The form of each operation's request, by its name. */
export const requestSchemas: {
  readonly [Name in keyof Requests]: v.GenericSchema<unknown, Requests[Name]>;
} = {
  listEvents: request({
    state: v.optional(oneOf(eventStates)),
    event: v.optional(name),
    job_id: v.optional(name),
    pattern_id: v.optional(name),
    delivery_state: v.optional(oneOf(deliveryStates)),
    received_after: v.optional(time),
    received_before: v.optional(time),
    ...position,
  }),
  redeliver: request({ processor: v.optional(name) }),
  redrive: request({
    processor: v.optional(name),
    error: v.optional(text(10_000)),
    event: v.optional(name),
    pattern_id: v.optional(name),
    dead_after: v.optional(time),
    dead_before: v.optional(time),
    limit: v.optional(wholeNumber(1, 1_000_000)),
    dry_run: v.optional(flag, false),
  }),
  listRejections: request(position),
  reverify: request({ cursor: position.cursor }),
  expect: request({
    job_id: job,
    pattern_id: v.nullish(pattern),
    deadline_s: v.optional(wholeNumber(0, 365 * 86_400), 600),
  }),
  listExpectations: request(position),
  nothing: request({}),
  drain: request({ budget_ms: v.optional(wholeNumber(1, 300_000), 25_000) }),
};

/** Reads a request; what is wrong with it, each with what was expected there. */
export function readRequest<Name extends keyof Requests>(
  name: Name,
  input: unknown,
):
  | { readonly request: Requests[Name] }
  | { readonly issues: readonly { readonly path: string; readonly message: string }[] } {
  const parsed = v.safeParse(requestSchemas[name], input);
  if (parsed.success) return { request: parsed.output as Requests[Name] };
  return {
    issues: parsed.issues.map(({ path = [], message }) => ({
      path: path.map(({ key }) => String(key)).join("."),
      message,
    })),
  };
}
