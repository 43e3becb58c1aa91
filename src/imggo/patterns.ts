import * as v from "valibot";
import { isRecord, type JsonRecord } from "../job-fields.ts";
import { anyId, read } from "./answers.ts";
import { ImgGoError } from "./errors.ts";
import type { Api, CallOptions } from "./request.ts";
import { segment } from "./segment.ts";

/** A pattern: what ImgGo is to see in an image. */
export interface Pattern {
  /** As jobs name it: `pattern_id`. */
  readonly id: string;
  /** What its maker called it; its id where it has no name. */
  readonly name: string;
  /** In which format its results come: `json`, `yaml`, `xml`, `csv` or `text`. */
  readonly format: string;
  /** What results are to be, as JSON Schema or as an example. Not there where it has none. */
  readonly schema?: Readonly<Record<string, unknown>>;
}

/** ImgGo's patterns. */
export interface Patterns {
  /**
   * A pattern of the account.
   *
   * @throws {ImgGoError} `not_found`, among others.
   */
  get(id: string, options?: CallOptions): Promise<Pattern>;
}

const maxPatternBytes = 1_048_576;

const expectedPattern = "expected a pattern with its id and name";
const text = v.nullish(v.string("expected text"));
const schema = v.fallback(v.optional(v.custom<JsonRecord>(isRecord)), undefined);

const pattern = v.pipe(
  v.object({
    id: v.nullish(anyId),
    pattern_id: v.nullish(anyId),
    name: text,
    format: text,
    output_format: text,
    json_schema: schema,
    schema,
  }, expectedPattern),
  v.check(({ id, pattern_id }) => (id ?? pattern_id) != null, "expected `id` or `pattern_id`"),
  v.transform((wire): Pattern => {
    const id = String(wire.id ?? wire.pattern_id);
    const schema = wire.json_schema ?? wire.schema;
    return {
      id,
      name: wire.name ?? id,
      format: wire.format ?? wire.output_format ?? "json",
      ...(schema !== undefined && { schema }),
    };
  }),
);

const answered = v.object({ data: pattern }, "expected `data`");

export function createPatterns(api: Api): Patterns {
  return {
    async get(id, options) {
      const path = ["patterns", segment(id)];
      const call = api.begin(options);
      const answer = await api.send({ method: "GET", path, maxBytes: maxPatternBytes }, call);
      const { data } = read(answered, answer, "a pattern");
      if (data.id.toLowerCase() === id.toLowerCase()) return data;
      throw new ImgGoError(
        "unreadable_answer",
        "ImgGo answered with another pattern than the one that was asked for.",
        { status: answer.status },
      );
    },
  };
}
