import * as v from "valibot";

/** A JSON object. To valibot a list is an object too; to this it is not. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** Why a job failed, in its one form. */
export interface JobError {
  /** What ImgGo says of it. */
  readonly message: string;
  /** ImgGo's code of it; only some of its formats have one. */
  readonly code?: string;
}

// valibot's own messages repeat what was received; each schema here brings one that does not. Plain
// functions say what fits: what valibot has for it is a tenth of a Worker's bundle.

/** A schema of text that every storage keeps as it is, and apart from any other. */
export const opaqueText = (message: string): v.GenericSchema<unknown, string> =>
  v.custom<string>(isOpaqueText, message);

/** What an id must be. */
export const expectedId = "expected text of 1 to 255 characters, none of them a control character";

/** The id of a job. */
export const jobId: v.GenericSchema<unknown, string> = opaqueText(expectedId);

/** The id of a job's pattern, where there is one. */
export const patternId: v.GenericSchema<unknown, string | null> = v.optional(
  v.pipe(
    v.custom<string | null>((id) => id === null || id === "" || isOpaqueText(id), expectedId),
    v.transform((id) => id || null),
  ),
  null,
);

/** The error of a failed job, as text or as an object with `code` and `message`. */
export const jobError: v.GenericSchema<unknown, JobError> = v.optional(
  v.pipe(
    v.custom<WireError | string | null>(
      isError,
      "expected the error as text, or as an object with `code` and `message`",
    ),
    v.transform((error) => {
      if (typeof error === "string") return { message: error };
      const code = error?.code == null ? undefined : String(error.code);
      const message = error?.message ?? code ?? "ImgGo gave no reason.";
      return code === undefined ? { message } : { message, code };
    }),
  ),
  null,
);

/** An error that is sent as an object. */
interface WireError {
  readonly code?: string | number | null;
  readonly message?: string | null;
}

function isError(value: unknown): boolean {
  if (value === null || typeof value === "string") return true;
  if (!isRecord(value)) return false;
  const { code = null, message = null } = value;
  const isText = (part: unknown) => part === null || typeof part === "string";
  return isText(message) && (isText(code) || typeof code === "number");
}

function isOpaqueText(text: unknown): boolean {
  if (typeof text !== "string") return false;
  // Counted as characters only where that makes a difference: it takes a list of them.
  const length = text.length <= 255 ? text.length : [...text].length;
  // A lone surrogate has no UTF-8 form: two ids that differ in one would be stored alike.
  return length >= 1 && length <= 255 && text.isWellFormed() && !/\p{Cc}/u.test(text);
}

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
