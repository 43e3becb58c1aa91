import * as v from "valibot";
import type { PayloadIssue } from "./errors.ts";
import {
  expectedId,
  extraFields,
  isRecord,
  isTimestamp,
  type JobError,
  jobError,
  jobId,
  type JsonRecord,
  opaqueText,
  patternId,
  resultField,
} from "./job-fields.ts";

/** A job that ended well, in the one form that processors get, whatever dialect ImgGo spoke. */
export interface JobSucceededEvent {
  /** The event's name. */
  readonly event: "job.succeeded";
  /** What is known of the job, and what came of it. */
  readonly data: JobData & {
    readonly status: "succeeded";
    /** What the pattern made of the image: any JSON value, null included, exactly as sent. */
    readonly result: unknown;
  };
  /** When the job ended, ISO 8601, as ImgGo wrote it; the time of receipt where it wrote none. */
  readonly timestamp: string;
}

/** A job that failed, in the one form that processors get. */
export interface JobFailedEvent {
  /** The event's name. */
  readonly event: "job.failed";
  /** What is known of the job, and why it failed. */
  readonly data: JobData & {
    readonly status: "failed";
    readonly error: JobError;
  };
  /** When the job ended, ISO 8601, as ImgGo wrote it; the time of receipt where it wrote none. */
  readonly timestamp: string;
}

/** What every event says of its job. */
export interface JobData {
  /** Opaque text of 1 to 255 characters. */
  readonly job_id: string;
  /** The pattern that the job was run with; null where ImgGo named none. */
  readonly pattern_id: string | null;
  /** Whatever else ImgGo sent: `confidence`, `processing_time_ms`, … */
  readonly [extra: string]: unknown;
}

/** The canonical event. */
export type WebhookEvent = JobSucceededEvent | JobFailedEvent;

/** What a body turned out to be, named for the state in which it is stored. */
export type ParsedEvent =
  | { readonly state: "accepted"; readonly event: WebhookEvent }
  | { readonly state: "ignored"; readonly name: string; readonly jobId: string | null }
  | {
    readonly state: "quarantined";
    readonly code: "invalid_json" | "invalid_payload";
    readonly issues: readonly PayloadIssue[];
  };

// By the keys that must be there.
const expected = {
  event: "expected the name of an event",
  job_id: expectedId,
};

// Of a key that is missing, valibot asks the object for the message.
const missing = ({ path }: v.ObjectIssue) =>
  path === undefined ? "expected an object" : expected[path[0].key as keyof typeof expected];

const envelope = v.object({ event: opaqueText(expected.event) }, missing);

const job = { job_id: jobId, pattern_id: patternId };

const succeeded = v.object({
  ...job,
  result: v.optional(v.unknown()),
  manifest: v.optional(v.unknown()),
}, missing);

const noResult = { message: "expected `result` or `manifest`" };

const failed = v.object({ ...job, error: jobError }, missing);

// Every name under which a job's end is sent, and the one that processors see.
const terminalEvents: ReadonlyMap<string, WebhookEvent["event"]> = new Map([
  ["job.succeeded", "job.succeeded"],
  ["job.completed", "job.succeeded"],
  ["job.failed", "job.failed"],
]);

/**
 * Reads a body in any of ImgGo's dialects (nested under `data`, flat with `manifest`, flat with
 * `result`) into the one canonical event. A total function: whatever the bytes, it answers.
 *
 * @param body The raw bytes as received.
 * @param receivedAt The time of receipt in milliseconds since 1970: the event's time where the
 * body names none.
 */
export function parseEvent(body: Uint8Array, receivedAt: number = Date.now()): ParsedEvent {
  const json = parseJson(body);
  if (json === undefined) return { state: "quarantined", code: "invalid_json", issues: [] };

  const outer = v.safeParse(envelope, json);
  if (!outer.success) return malformed(outer.issues);
  const record = json as JsonRecord;

  const { event: _, timestamp, ...flat } = record;
  const { data, ...beside } = flat;
  const nested = isRecord(data) && !Object.hasOwn(record, "job_id");
  const fields = nested ? data : flat;

  const name = terminalEvents.get(outer.output.event);
  if (name === undefined) {
    const id = v.safeParse(jobId, fields["job_id"]);
    return { state: "ignored", name: outer.output.event, jobId: id.success ? id.output : null };
  }

  const endedAt = [timestamp, fields["timestamp"], fields["completed_at"], fields["failed_at"]]
    .find(isTimestamp) ?? new Date(receivedAt).toISOString();
  // What stands beside `data` is kept too, behind what stands in it.
  const wire = nested ? { ...beside, ...data } : flat;
  const prefix = nested ? ["data"] : [];

  if (name === "job.succeeded") {
    const parsed = v.safeParse(succeeded, fields);
    const source = resultField(fields);
    const issues = [...parsed.issues ?? [], ...source === undefined ? [noResult] : []];
    if (!parsed.success || source === undefined) return malformed(issues, prefix);
    const { job_id, pattern_id, ...results } = parsed.output;
    const canonical = {
      job_id,
      pattern_id,
      status: "succeeded" as const,
      result: results[source],
    };
    const event = { event: name, data: withExtras(canonical, wire, source), timestamp: endedAt };
    return { state: "accepted", event };
  }

  const parsed = v.safeParse(failed, fields);
  if (!parsed.success) return malformed(parsed.issues, prefix);
  const { job_id, pattern_id, error } = parsed.output;
  const canonical = { job_id, pattern_id, status: "failed" as const, error };
  const event = { event: name, data: withExtras(canonical, wire, "error"), timestamp: endedAt };
  return { state: "accepted", event };
}

/** What makes two deliveries the same event: not their bytes, but whose end they tell. */
export function defaultDedupeKey(event: WebhookEvent): string {
  return `${event.event}:${event.data.job_id}`;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    return undefined;
  }
}

/** The canonical fields, and behind them whatever else was sent and says something. */
function withExtras<T extends JsonRecord>(canonical: T, wire: JsonRecord, source: string): T {
  return { ...canonical, ...extraFields(wire, [...Object.keys(canonical), source]) };
}

function malformed(
  issues: readonly Pick<v.BaseIssue<unknown>, "message" | "path">[],
  prefix: readonly string[] = [],
): ParsedEvent {
  return {
    state: "quarantined",
    code: "invalid_payload",
    issues: issues.map((issue) => ({
      path: [...prefix, ...(issue.path ?? []).map((item) => String(item.key))].join("."),
      message: issue.message,
    })),
  };
}
