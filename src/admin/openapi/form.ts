import type { GenericSchema } from "valibot";
import type { Json } from "./json-schema.ts";

// What valibot's schemas and actions hold, as far as it is looked at. @valibot/to-json-schema knows all
// of them, and takes 3 kB of a Worker's bundle for it: a tenth of the whole, for one page.
interface Part {
  readonly kind: string;
  readonly type: string;
}
interface Schema extends Part {
  readonly pipe?: readonly Part[];
  readonly entries: Readonly<Record<string, Schema>>;
  readonly options: readonly unknown[];
  readonly item: Schema;
  readonly value: Schema;
  readonly wrapped: Schema;
  readonly default?: unknown;
  readonly literal: unknown;
}
interface Action extends Part {
  readonly requirement: unknown;
  readonly metadata: Json;
}

const object = ({ entries }: Schema): Json => ({
  type: "object",
  properties: Object.fromEntries(
    Object.entries(entries).map(([name, schema]) => [name, form(schema)]),
  ),
  required: Object.entries(entries)
    .filter(([, { type }]) => type !== "optional" && type !== "nullish")
    .map(([name]) => name),
});

const optional = (schema: Schema): Json => ({
  ...form(schema.wrapped),
  ...(schema.default !== undefined && { default: schema.default }),
});

const nullable = (schema: Schema): Json => ({ anyOf: [form(schema.wrapped), { type: "null" }] });

const schemas: Readonly<Record<string, (schema: Schema) => Json>> = {
  string: () => ({ type: "string" }),
  number: () => ({ type: "number" }),
  boolean: () => ({ type: "boolean" }),
  unknown: () => ({}),
  literal: ({ literal }) => ({ const: literal }),
  picklist: ({ options }) => ({ type: "string", enum: options }),
  union: ({ options }) => ({ anyOf: options.map((option) => form(option as Schema)) }),
  array: ({ item }) => ({ type: "array", items: form(item) }),
  record: ({ value }) => ({ type: "object", additionalProperties: form(value) }),
  object,
  strict_object: (schema) => ({ ...object(schema), additionalProperties: false }),
  optional,
  nullable,
  nullish: nullable,
};

const actions: Readonly<Record<string, (action: Action) => Json>> = {
  integer: () => ({ type: "integer" }),
  min_value: ({ requirement }) => ({ minimum: requirement }),
  max_value: ({ requirement }) => ({ maximum: requirement }),
  min_length: ({ requirement }) => ({ minLength: requirement }),
  max_length: ({ requirement }) => ({ maxLength: requirement }),
  iso_timestamp: () => ({ format: "date-time" }),
  metadata: ({ metadata }) => metadata,
  // Rules for which JSON Schema has no words.
  check: () => ({}),
  transform: () => ({}),
};

/**
 * The form that a valibot schema asks for, as JSON Schema. Of a pipe it is that of the schema which
 * stands last in it: those before make other forms into that.
 *
 * @throws {TypeError} for a kind of schema that none of ours is made of.
 */
export function formOf(schema: GenericSchema): Json {
  return form(schema as unknown as Schema);
}

function form(schema: Schema): Json {
  const { pipe = [schema] } = schema;
  const last = pipe.findLastIndex(({ kind }) => kind === "schema");
  return Object.assign(
    {},
    ...pipe.slice(last).map((part, index) => {
      if (index === 0 && part !== schema && "pipe" in part) return form(part as Schema);
      const described = part.kind === "schema"
        ? schemas[part.type]?.(part as Schema)
        : actions[part.type]?.(part as Action);
      if (described === undefined) throw new TypeError(`Cannot describe ${part.type}.`);
      return described;
    }),
  );
}
