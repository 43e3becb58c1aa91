import { isRecord, type JsonRecord } from "../../job-fields.ts";

const words = ["type", "properties", "$ref", "anyOf", "oneOf", "allOf", "enum", "const", "items"];
const saysSchema = (value: unknown) => isRecord(value) && words.some((word) => word in value);

/**
 * The JSON Schema of a pattern, which may have an example of a result in its place. ImgGo tells the
 * two apart, and reads an example, in this way too.
 */
export function patternSchema(schema: JsonRecord): JsonRecord {
  const isSchema = saysSchema(schema) || Object.values(schema).some(saysSchema);
  return isSchema ? schema : schemaOfExample(schema);
}

function schemaOfExample(value: unknown): JsonRecord {
  if (value === null) return { type: "null" };
  if (Array.isArray(value)) {
    return { type: "array", items: value.length > 0 ? schemaOfExample(value[0]) : {} };
  }
  if (!isRecord(value)) return { type: typeof value };
  const properties = Object.entries(value).map(([name, each]) => [name, schemaOfExample(each)]);
  return {
    type: "object",
    properties: Object.fromEntries(properties),
    required: Object.keys(value),
    additionalProperties: false,
  };
}
