import * as v from "valibot";
import type { PayloadIssue } from "./errors.ts";

/** A job that ended well, in the one form that processors get, whatever dialect ImgGo spoke. */
export interface JobSucceededEvent {
  readonly event: "job.succeeded";
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
  readonly event: "job.failed";
  readonly data: JobData & {
    readonly status: "failed";
    readonly error: { readonly message: string; readonly code?: string };
  };
  /** When the job ended, ISO 8601, as ImgGo wrote it; the time of receipt where it wrote none. */
  readonly timestamp: string;
}

/** What every event says of its job. */
export interface JobData {
  /** Opaque text of 1 to 255 characters. */
  readonly job_id: string;
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

type JsonRecord = Readonly<Record<string, unknown>>;

// valibot's own messages repeat what was received; each schema here brings one that does not.
const opaqueText = (message: string) =>
  v.pipe(
    v.string(message),
    v.check((text) => {
      const { length } = [...text];
      // A lone surrogate has no UTF-8 form: two ids that differ in one would be stored alike.
      return length >= 1 && length <= 255 && text.isWellFormed() && !/\p{Cc}/u.test(text);
    }, message),
  );

// By the keys that must be there.
const expected = {
  event: "expected the name of an event",
  job_id: "expected text of 1 to 255 characters, none of them a control character",
};
const id = opaqueText(expected.job_id);

// Of a key that is missing, valibot asks the object for the message.
const missing = ({ path }: v.ObjectIssue) =>
  path === undefined ? "expected an object" : expected[path[0].key as keyof typeof expected];

const envelope = v.object({ event: opaqueText(expected.event) }, missing);

const job = {
  job_id: id,
  pattern_id: v.nullish(
    v.union([v.pipe(v.literal(""), v.transform(() => null)), id], expected.job_id),
    null,
  ),
};

const succeeded = v.pipe(
  v.object({
    ...job,
    result: v.optional(v.unknown()),
    manifest: v.optional(v.unknown()),
  }, missing),
  v.check((wire) => "result" in wire || "manifest" in wire, "expected `result` or `manifest`"),
);

const errorText = "expected the error as text, or as an object with `code` and `message`";
const failed = v.object({
  ...job,
  error: v.nullish(
    v.union([
      v.string(),
      v.pipe(
        // To valibot a list is an object too.
        v.custom<JsonRecord>(isRecord),
        v.object({
          code: v.nullish(v.union([v.string(), v.pipe(v.number(), v.transform(String))])),
          message: v.nullish(v.string()),
        }),
      ),
    ], errorText),
    null,
  ),
}, missing);

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
    const jobId = v.safeParse(id, fields["job_id"]);
    return {
      state: "ignored",
      name: outer.output.event,
      jobId: jobId.success ? jobId.output : null,
    };
  }

  const endedAt = [timestamp, fields["timestamp"], fields["completed_at"], fields["failed_at"]]
    .find(isTimestamp) ?? new Date(receivedAt).toISOString();
  // What stands beside `data` is kept too, behind what stands in it.
  const wire = nested ? { ...beside, ...data } : flat;
  const prefix = nested ? ["data"] : [];

  if (name === "job.succeeded") {
    const parsed = v.safeParse(succeeded, fields);
    if (!parsed.success) return malformed(parsed.issues, prefix);
    const { job_id, pattern_id, result, manifest } = parsed.output;
    const source = (result ?? null) === null && "manifest" in parsed.output ? "manifest" : "result";
    const canonical = {
      job_id,
      pattern_id,
      status: "succeeded" as const,
      result: source === "manifest" ? manifest : result,
    };
    const event = { event: name, data: withExtras(canonical, wire, source), timestamp: endedAt };
    return { state: "accepted", event };
  }

  const parsed = v.safeParse(failed, fields);
  if (!parsed.success) return malformed(parsed.issues, prefix);
  const { job_id, pattern_id, error } = parsed.output;
  const canonical = { job_id, pattern_id, status: "failed" as const, error: readError(error) };
  const event = { event: name, data: withExtras(canonical, wire, "error"), timestamp: endedAt };
  return { state: "accepted", event };
}

/** What makes two deliveries the same event: not their bytes, but whose end they tell. */
export function defaultDedupeKey(event: WebhookEvent): string {
  return `${event.event}:${event.data.job_id}`;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTimestamp(value: unknown): value is string {
  return typeof value === "string" && /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(value) &&
    Number.isFinite(Date.parse(value));
}

function readError(
  error: string | { code?: string | null | undefined; message?: string | null | undefined } | null,
): { message: string; code?: string } {
  if (typeof error === "string") return { message: error };
  const message = error?.message ?? error?.code ?? "ImgGo gave no reason.";
  return error?.code == null ? { message } : { message, code: error.code };
}

/** The canonical fields, and behind them whatever else was sent and says something. */
function withExtras<T extends JsonRecord>(canonical: T, wire: JsonRecord, source: string): T {
  const consumed = new Set([...Object.keys(canonical), source]);
  // One dialect sends `manifest` and `error` always, the one that does not apply as null.
  const empty = (name: string) =>
    ["result", "manifest", "error"].includes(name) && wire[name] === null;
  const extras = Object.entries(wire).filter(([name]) => !consumed.has(name) && !empty(name));
  // `fromEntries` defines own properties: a key `__proto__` stays a key.
  return { ...canonical, ...Object.fromEntries(extras) };
}

function malformed(
  issues: readonly v.BaseIssue<unknown>[],
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
