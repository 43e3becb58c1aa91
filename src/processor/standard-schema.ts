// The parts of the specification that are used here, typed by structure as it allows:
// https://standardschema.dev

/** A schema of any library that keeps to Standard Schema: valibot, zod, arktype and others. */
export interface StandardSchema<Output = unknown> {
  /** Where every such library has what it can do. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (
      value: unknown,
    ) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** There for its types only. */
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** What a schema makes of a value. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One thing that is wrong with a value. Its message may repeat what was received. */
export interface StandardIssue {
  /** What was expected, in the words of the library. */
  readonly message: string;
  /** Where, from the outermost key; none for the value itself. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type of what a schema makes of a value. */
export type OutputOf<Schema extends StandardSchema> = NonNullable<
  Schema["~standard"]["types"]
>["output"];

/** Whether this is a schema. Some libraries' are functions. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  const standard = Object(value)["~standard"];
  return standard?.version === 1 && typeof standard.validate === "function";
}
