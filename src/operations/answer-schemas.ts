import * as v from "valibot";
import type { Answers } from "./answers.ts";
import { attemptStates, deliveryStates, eventStates } from "./states.ts";

// By these the API is described, and its answers are read by who calls it. What each field is stands
// with its type.

/** A time in ISO 8601, in UTC. */
const time = v.pipe(v.string(), v.isoTimestamp());
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const eventState = v.picklist(eventStates);
const deliveryState = v.picklist(deliveryStates);

const delivery = v.object({
  processor: v.string(),
  state: deliveryState,
  attempts: count,
  due_at: v.nullable(time),
  ended_at: v.nullable(time),
  last_error: v.nullable(v.string()),
});

const attempt = v.object({
  attempt: count,
  state: v.picklist(attemptStates),
  started_at: time,
  ended_at: v.nullable(time),
  error: v.nullable(v.string()),
});

const event = v.object({
  id: v.string(),
  event: v.nullable(v.string()),
  state: eventState,
  origin: v.picklist(["webhook", "reconcile"]),
  job_id: v.nullable(v.string()),
  pattern_id: v.nullable(v.string()),
  received_at: time,
  size: count,
  duplicates: count,
  key: v.string(),
  deliveries: v.array(delivery),
});

const issue = v.object({ path: v.string(), message: v.string() });

const eventDetail = v.object({
  ...event.entries,
  trace_id: v.nullable(v.string()),
  deliveries: v.array(v.object({ ...delivery.entries, history: v.array(attempt) })),
  canonical: v.nullable(v.record(v.string(), v.unknown())),
  code: v.optional(v.picklist(["invalid_json", "invalid_payload"])),
  issues: v.optional(v.array(issue)),
});

const rates = v.object({ accepted: count, duplicates: count, rejected: count, dead: count });

const stats = v.object({
  events: v.object({ accepted: count, ignored: count, quarantined: count, superseded: count }),
  deliveries: v.object({ pending: count, running: count, succeeded: count, dead: count }),
  duplicates: count,
  backlog: count,
  oldest_due_at: v.nullable(time),
  oldest_pending_seconds: v.nullable(v.number()),
  last_received_at: v.nullable(time),
  last_event_age_seconds: v.nullable(v.number()),
  rates: v.object({ last_hour: rates, last_day: rates }),
  expectations: v.object({ waiting: count, overdue: count }),
  overdue: count,
  rejections: count,
  spooled: count,
});

const rejection = v.object({
  id: v.string(),
  received_at: time,
  size: count,
  signature: v.string(),
});

const expectation = v.object({
  job_id: v.string(),
  pattern_id: v.nullable(v.string()),
  deadline_at: time,
  overdue: v.boolean(),
  asked: count,
  ask_at: v.nullable(time),
  last_error: v.nullable(v.string()),
});

const page = <Item extends v.GenericSchema>(item: Item) =>
  v.object({ data: v.array(item), next_cursor: v.nullable(v.string()) });

/** The form of each operation's answer, by its name. */
export const answerSchemas: {
  readonly [Name in keyof Answers]: v.GenericSchema<unknown, Answers[Name]>;
} = {
  listEvents: page(event),
  getEvent: eventDetail,
  redeliver: v.object({
    id: v.string(),
    count,
    processors: v.array(v.string()),
    open: v.array(v.string()),
  }),
  redrive: v.object({
    count,
    dry_run: v.boolean(),
    remaining: count,
  }),
  stats,
  listRejections: page(rejection),
  reverify: v.object({
    checked: count,
    accepted: count,
    duplicates: count,
    left: count,
    complete: v.boolean(),
    next_cursor: v.nullable(v.string()),
  }),
  expect: v.object({ job_id: v.string(), state: v.picklist(["waiting", "fulfilled"]) }),
  listExpectations: page(expectation),
  drain: v.object({ succeeded: count, retry: count, dead: count, released: count, lost: count }),
};
