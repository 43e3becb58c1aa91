import type { JobData, JobFailedEvent, JobSucceededEvent, WebhookEvent } from "../event.ts";
import { describeIssues } from "./describe-issues.ts";
import { PermanentError, type ProcessorContext } from "./processor.ts";
import {
  isStandardSchema,
  type OutputOf,
  type StandardIssue,
  type StandardSchema,
} from "./standard-schema.ts";

/** Schemas of results, by the id of their pattern. */
export type PatternSchemas = Readonly<Record<string, StandardSchema>>;

/**
 * A job that ended well with a result that fits the schema of its pattern. `data.pattern_id` tells
 * which one, and with it the type of `data.result`.
 */
export interface TypedJobSucceededEvent<Patterns extends PatternSchemas> {
  /** The name of the event. */
  readonly event: "job.succeeded";
  /** What is said of the job. */
  readonly data: {
    readonly [Id in keyof Patterns & string]: JobData & {
      readonly pattern_id: Id;
      readonly status: "succeeded";
      /** What the schema made of the result. */
      readonly result: OutputOf<Patterns[Id]>;
    };
  }[keyof Patterns & string];
  /** When the job ended, ISO 8601, as ImgGo wrote it; the time of receipt where it wrote none. */
  readonly timestamp: string;
}

/** A function for each kind of event. An event without a function counts as handled. */
export interface Handlers<
  Context extends ProcessorContext = ProcessorContext,
  Patterns extends PatternSchemas = Record<never, never>,
> {
  /**
   * The schema of each pattern's results: of valibot, zod, arktype or any other library that keeps to
   * Standard Schema. `job.succeeded` then gets what the schema makes of a result, and only results
   * that fit.
   */
  readonly patterns?: Patterns;
  /** What is done with a job that ended well. */
  readonly "job.succeeded"?: (
    event: [keyof Patterns] extends [never] ? JobSucceededEvent : TypedJobSucceededEvent<Patterns>,
    context: Context,
  ) => unknown;
  /** What is done with a job that failed. */
  readonly "job.failed"?: (event: JobFailedEvent, context: Context) => unknown;
  /**
   * With `patterns`: gets the event whose result does not fit, as it came, or whose pattern has no
   * schema. Without it the delivery is dead, with what was expected: after a fix, redrive it.
   *
   * @param issues As the library has them: their messages may hold parts of the result.
   */
  readonly onMismatch?: (
    event: JobSucceededEvent,
    context: Context,
    issues: readonly StandardIssue[],
  ) => unknown;
}

const names = ["job.succeeded", "job.failed"];

/**
 * A processor of one function for each kind of event. Given the schemas of your patterns, it checks
 * each result by that of its pattern, and the function knows its type.
 *
 * @throws {TypeError} when a name is not that of an event, or has no function; when a pattern has no
 * schema.
 *
 * @example
 * ```ts
 * const invoices = handlers({
 *   "job.succeeded": async (event, { id }) => await save(id, event.data.result),
 *   "job.failed": (event, { log }) => log.warn("No invoice", { reason: event.data.error.code }),
 * });
 * ```
 *
 * @example
 * ```ts
 * const Invoice = v.object({ number: v.string(), total: v.number() });
 * const invoices = handlers({
 *   patterns: { "6b1f3c2a-8d5e-4f0a-9c7b-2e1d0f9a8b7c": Invoice },
 *   "job.succeeded": ({ data }) => pay(data.result.number, data.result.total),
 * });
 * ```
 */
export function handlers<
  Context extends ProcessorContext = ProcessorContext,
  Patterns extends PatternSchemas = Record<never, never>,
>(
  functions: Handlers<Context, Patterns>,
): (event: WebhookEvent, context: Context) => unknown {
  check({ ...functions });
  const { patterns, onMismatch } = functions;
  const onSuccess = functions["job.succeeded"] as
    | ((event: JobSucceededEvent, context: Context) => unknown)
    | undefined;
  return async (event, context) => {
    if (event.event === "job.failed") return await functions["job.failed"]?.(event, context);
    if (patterns === undefined) return await onSuccess?.(event, context);
    const { value, issues } = await resultOf(event, patterns);
    if (issues === undefined) {
      return await onSuccess?.({ ...event, data: { ...event.data, result: value } }, context);
    }
    if (onMismatch !== undefined) return await onMismatch(event, context, issues);
    throw new PermanentError(`The result does not fit: ${describeIssues(issues)}`);
  };
}

/** What the schema of an event's pattern makes of its result. */
async function resultOf(
  { data: { pattern_id: id, result } }: JobSucceededEvent,
  patterns: PatternSchemas,
): Promise<{ readonly value?: unknown; readonly issues?: readonly StandardIssue[] | undefined }> {
  const schema = id !== null && Object.hasOwn(patterns, id) ? patterns[id] : undefined;
  if (schema !== undefined) return await schema["~standard"].validate(result);
  const expected = "a pattern that handlers() has a schema for";
  return { issues: [{ message: `Expected ${expected}`, expected } as StandardIssue] };
}

function check({ patterns, onMismatch, ...functions }: Readonly<Record<string, unknown>>): void {
  const named = Object.entries({ ...functions, ...(onMismatch !== undefined && { onMismatch }) });
  for (const [name, value] of named) {
    const isKnown = names.includes(name) || (name === "onMismatch" && patterns !== undefined);
    if (isKnown && (value === undefined || typeof value === "function")) continue;
    const more = patterns === undefined ? "" : ", and for onMismatch";
    throw new TypeError(
      `handlers() expects functions for ${names.join(" and ")}${more}, got "${name}"`,
    );
  }
  if (patterns === undefined) return;
  const schemas = Object.entries(Object(patterns));
  if (schemas.length === 0) {
    throw new TypeError("handlers() expects patterns to be schemas by the ids of their patterns");
  }
  for (const [id, schema] of schemas) {
    if (isStandardSchema(schema)) continue;
    throw new TypeError(
      `handlers() expects a schema of valibot, zod, arktype or another Standard Schema for the pattern "${id}"`,
    );
  }
}
