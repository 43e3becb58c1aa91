import { isRecord, type JsonRecord } from "../../job-fields.ts";

// Deeper than anyone reads, and than ImgGo takes.
const deepest = 30;

/** A type that is being written: what it is called, and which others it needs. */
interface Writing {
  readonly rootName: string;
  readonly definitions: ReadonlyMap<string, { readonly name: string; readonly schema: unknown }>;
}

/**
 * The TypeScript of what fits a JSON Schema: an exported type of this name, and one of each of its
 * definitions. What TypeScript has no word for (patterns, ranges, conditions) is left out, and what
 * is not understood is `unknown`: the type may be wider than the schema, never narrower.
 */
export function typeOfSchema(rootName: string, schema: JsonRecord): string {
  const taken = new Set([rootName]);
  const definitions = new Map(
    ["$defs", "definitions"].flatMap((place) => {
      const found = isRecord(schema[place]) ? Object.entries(schema[place]) : [];
      return found.map(([key, each]) => {
        const name = free(`${rootName}${pascalCase(key)}`, taken);
        return [`#/${place}/${key}`, { name, schema: each }] as const;
      });
    }),
  );
  const writing: Writing = { rootName, definitions };
  const named = [{ name: rootName, schema }, ...definitions.values()];
  return named.map(({ name, schema }) =>
    `${comment(schema, "")}export type ${name} = ${typeOf(schema, "", writing)};\n`
  ).join("\n");
}

/** A name for a type, of any text. */
export function pascalCase(text: string): string {
  const name = text.split(/[^\p{L}\p{N}]+/u)
    .map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`).join("");
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? name : `Pattern${name}`;
}

function free(name: string, taken: Set<string>): string {
  let unique = name;
  for (let count = 2; taken.has(unique); count++) unique = `${name}${count}`;
  taken.add(unique);
  return unique;
}

function typeOf(schema: unknown, indent: string, writing: Writing): string {
  if (schema === false) return "never";
  if (!isRecord(schema) || indent.length > 2 * deepest) return "unknown";
  const type = typeOfRecord(schema, indent, writing);
  return schema["nullable"] === true ? union([type, "null"]) : type;
}

function typeOfRecord(schema: JsonRecord, indent: string, writing: Writing): string {
  const { $ref: ref, anyOf, oneOf, allOf, type, enum: values } = schema;
  if (typeof ref === "string") {
    return ref === "#" ? writing.rootName : writing.definitions.get(ref)?.name ?? "unknown";
  }
  const inner = (each: unknown) => typeOf(each, indent, writing);
  if ("const" in schema) return literal(schema["const"]);
  if (Array.isArray(values)) return union(values.map(literal));
  const parts: string[] = [];
  const types = Array.isArray(type) ? type : type === undefined ? [] : [type];
  if (types.length > 0) {
    parts.push(union(types.map((each) => ofType(each, schema, indent, writing))));
  } else if (isRecord(schema["properties"])) parts.push(ofType("object", schema, indent, writing));
  for (const choices of [anyOf, oneOf]) {
    if (Array.isArray(choices)) parts.push(union(choices.map(inner)));
  }
  if (Array.isArray(allOf)) parts.push(...allOf.map(inner));
  const known = [...new Set(parts)].filter((part) => part !== "unknown");
  return known.length > 1 ? known.map(grouped).join(" & ") : known[0] ?? "unknown";
}

function ofType(type: unknown, schema: JsonRecord, indent: string, writing: Writing): string {
  if (type === "string" || type === "boolean" || type === "null") return type;
  if (type === "number" || type === "integer") return "number";
  if (type === "array") {
    // Those at the front may be of other types.
    const items = "prefixItems" in schema ? undefined : schema["items"];
    return `readonly ${grouped(typeOf(items, indent, writing))}[]`;
  }
  return type === "object" ? objectType(schema, indent, writing) : "unknown";
}

function objectType(schema: JsonRecord, indent: string, writing: Writing): string {
  const { required, additionalProperties: more } = schema;
  const properties = isRecord(schema["properties"]) ? Object.entries(schema["properties"]) : [];
  const deeper = `${indent}  `;
  const lines = properties.map(([name, each]) => {
    const mark = Array.isArray(required) && required.includes(name) ? "" : "?";
    const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
    const type = typeOf(each, deeper, writing);
    return `${comment(each, deeper)}${deeper}readonly ${key}${mark}: ${type};\n`;
  });
  // Of other properties beside named ones TypeScript knows no type but one that fits them too.
  const isAny = lines.length > 0 || "patternProperties" in schema;
  const rest = isAny ? "unknown" : typeOf(more, deeper, writing);
  const isOpen = lines.length === 0
    ? more !== false || "patternProperties" in schema
    : more === true || isRecord(more);
  if (isOpen) lines.push(`${deeper}readonly [name: string]: ${rest};\n`);
  return lines.length === 0 ? "Readonly<Record<string, never>>" : `{\n${lines.join("")}${indent}}`;
}

function literal(value: unknown): string {
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) {
    return JSON.stringify(value);
  }
  return "unknown";
}

function union(types: readonly string[]): string {
  const unique = [...new Set(types)];
  if (unique.length === 0) return "never";
  return unique.includes("unknown") ? "unknown" : unique.map(groupedIn).join(" | ");
}

/** An intersection binds closer than a union; said all the same. */
function groupedIn(type: string): string {
  return /^[^{]* & /.test(type) ? `(${type})` : type;
}

function grouped(type: string): string {
  return /^readonly | [|&] /.test(type) ? `(${type})` : type;
}

/** What a schema says of itself, as a comment that nothing in it can end. */
function comment(schema: unknown, indent: string): string {
  const said = isRecord(schema) ? schema["description"] ?? schema["title"] : undefined;
  if (typeof said !== "string") return "";
  const text = said.replace(/[\s\p{Cc}]+/gu, " ").replaceAll("*/", "*\\/").trim();
  return text === "" ? "" : `${indent}/** ${text} */\n`;
}
