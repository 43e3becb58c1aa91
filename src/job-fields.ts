import * as v from "valibot";

/** A JSON object. To valibot a list is an object too; to this it is not. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** Why a job failed, in its one form. */
export interface JobError {
  readonly message: string;
  readonly code?: string;
}

// valibot's own messages repeat what was received; each schema here brings one that does not.

/** A schema of text that every storage keeps as it is, and apart from any other. */
export const opaqueText = (message: string): v.GenericSchema<unknown, string> =>
  v.pipe(
    v.string(message),
    v.check((text) => {
      const { length } = [...text];
      // A lone surrogate has no UTF-8 form: two ids that differ in one would be stored alike.
      return length >= 1 && length <= 255 && text.isWellFormed() && !/\p{Cc}/u.test(text);
    }, message),
  );

/** What an id must be. */
export const expectedId = "expected text of 1 to 255 characters, none of them a control character";

/** The id of a job. */
export const jobId: v.GenericSchema<unknown, string> = opaqueText(expectedId);

/** The id of a job's pattern, where there is one. */
export const patternId: v.GenericSchema<unknown, string | null> = v.nullish(
  v.union([v.pipe(v.literal(""), v.transform(() => null)), jobId], expectedId),
  null,
);

/** The error of a failed job, as text or as an object with `code` and `message`. */
export const jobError: v.GenericSchema<unknown, JobError> = v.pipe(
  v.nullish(
    v.union([
      v.string(),
      v.pipe(
        v.custom<JsonRecord>(isRecord),
        v.object({
          code: v.nullish(v.union([v.string(), v.pipe(v.number(), v.transform(String))])),
          message: v.nullish(v.string()),
        }),
      ),
    ], "expected the error as text, or as an object with `code` and `message`"),
    null,
  ),
  v.transform((error) => {
    if (typeof error === "string") return { message: error };
    const message = error?.message ?? error?.code ?? "ImgGo gave no reason.";
    return error?.code == null ? { message } : { message, code: error.code };
  }),
);

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isTimestamp(value: unknown): value is string {
  return typeof value === "string" && /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(value) &&
    Number.isFinite(Date.parse(value));
}

/** Which of a job's fields holds its result; undefined where none does. */
export function resultField(fields: JsonRecord): "result" | "manifest" | undefined {
  if ("manifest" in fields && (fields["result"] ?? null) === null) return "manifest";
  return "result" in fields ? "result" : undefined;
}

/** What was sent beside the consumed fields, and says something. */
export function extraFields(wire: JsonRecord, consumed: readonly string[]): JsonRecord {
  // One dialect sends `manifest` and `error` always, the one that does not apply as null.
  const empty = (name: string) =>
    ["result", "manifest", "error"].includes(name) && wire[name] === null;
  // `fromEntries` defines own properties: a key `__proto__` stays a key.
  return Object.fromEntries(
    Object.entries(wire).filter(([name]) => !consumed.includes(name) && !empty(name)),
  );
}
