/** A part of a description. */
export type Json = { readonly [name: string]: unknown };

/** Content of this form. */
export function inJson(schema: Json): Json {
  return { content: { "application/json": { schema } } };
}

/** An answer that tells an error: its codes, and a sentence for each. */
export function describeError(
  codes: readonly string[],
  sentences: readonly string[],
  more: Json = {},
): Json {
  return {
    description: sentences.join(" "),
    ...inJson({
      type: "object",
      properties: {
        error: { type: "string", description: "A sentence for people." },
        code: { type: "string", enum: codes },
        issues: { $ref: "#/components/schemas/Issues" },
        ...more,
      },
      required: ["error", "code"],
    }),
  };
}

/** What was expected where. */
export function describeIssues(): Json {
  const text = { type: "string" };
  return {
    type: "array",
    items: {
      type: "object",
      properties: { path: text, message: text },
      required: ["path", "message"],
    },
  };
}
