import { parseAst } from "rolldown/parseAst";

/** A small change of a source that is to be noticed by a test. */
export interface Mutant {
  /** Where it replaces what, in the source's text. */
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  /** The line, from 1. */
  readonly line: number;
}

/** A node of a syntax tree, whatever it is. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

/** A change of a part of a source. */
type Change = Omit<Mutant, "line">;

const opposites: Readonly<Record<string, string>> = {
  "===": "!==",
  "!==": "===",
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "+": "-",
  "-": "+",
  "*": "/",
  "&&": "||",
  "||": "&&",
};

/** Changed conditions, sums, truths and orders of a source in TypeScript, and of the SQL in it. */
export function mutantsOf(source: string): Mutant[] {
  const changes: Change[] = [];
  visit(parseAst(source, { lang: "ts" }) as unknown as Node, source, changes);
  return changes
    .sort((one, other) => one.start - other.start || one.end - other.end)
    .map((change) => ({ ...change, line: source.slice(0, change.start).split("\n").length }));
}

/** The source with the change. */
export function mutate(source: string, { start, end, replacement }: Change): string {
  return source.slice(0, start) + replacement + source.slice(end);
}

function visit(node: Node, source: string, changes: Change[]): void {
  // Of what TypeScript adds only values count: types change nothing.
  if (node.type.startsWith("TS") && !/^TS(As|NonNull|Satisfies)Expression$/.test(node.type)) return;
  changes.push(...changesOf(node, source));
  for (const value of Object.values(node)) {
    for (const child of [value].flat()) if (isNode(child)) visit(child, source, changes);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

function changesOf(node: Node, source: string): Change[] {
  switch (node.type) {
    case "BinaryExpression":
    case "LogicalExpression":
      return swappedOperator(node, source);
    case "IfStatement":
    case "ConditionalExpression":
    case "WhileStatement":
      return negated(node["test"] as Node, source);
    case "UnaryExpression":
      return node["operator"] === "!" ? [{ ...rangeOf(node, 1), replacement: "" }] : [];
    case "Literal":
      if (typeof node["value"] === "boolean") {
        return [{ ...rangeOf(node), replacement: String(!node["value"]) }];
      }
      return typeof node["value"] === "string" ? changesOfSql(node, source) : [];
    case "TemplateElement":
      return changesOfSql(node, source);
    case "ExpressionStatement":
      return left(node["expression"] as Node, node, source);
    default:
      return [];
  }
}

const rangeOf = ({ start, end }: Node, length = end - start) => ({ start, end: start + length });

function swappedOperator(node: Node, source: string): Change[] {
  const operator = String(node["operator"]);
  const replacement = opposites[operator];
  const [before, after] = [node["left"], node["right"]] as [Node, Node];
  // Of text there is no difference.
  const isText = operator === "+" &&
    [before, after].some((side) =>
      side.type === "TemplateLiteral" || typeof side["value"] === "string" ||
      (side.type === "BinaryExpression" && /["'`]/.test(source.slice(side.start, side.end)))
    );
  if (replacement === undefined || isText) return [];
  const start = source.indexOf(operator, before.end);
  return [{ start, end: start + operator.length, replacement }];
}

/** The opposite of a condition, where no other change is just that. */
function negated(test: Node, source: string): Change[] {
  const isSwapped = /^[!=]==$/.test(String(test["operator"]));
  if (isSwapped || test.type === "UnaryExpression") return [];
  return [{ ...rangeOf(test), replacement: `!(${source.slice(test.start, test.end)})` }];
}

/** What is done for its effect alone, left undone. Not what is only said in the log. */
function left(expression: Node, statement: Node, source: string): Change[] {
  const text = source.slice(expression.start, expression.end);
  const isDone = /^(?:Call|Assignment|Update|Await)Expression$/.test(expression.type);
  return isDone && !/^(?:\w+\.)*log(?:ger)?\??\.\w+\(/.test(text)
    ? [{ ...rangeOf(statement), replacement: ";" }]
    : [];
}

// No test can place anything at the very microsecond of a server's clock: there the order is turned
// round, where otherwise only what is equal changes sides.
const clock = /(?=(?:statement|clock)_timestamp\(\))/.source;
const others = /(?!(?:statement|clock)_timestamp\(\))/.source;

const inSql: readonly (readonly [RegExp, string])[] = [
  [/\bAND\b/g, "OR"],
  [/\bOR\b(?! (?:IGNORE|REPLACE)\b)/g, "AND"],
  [new RegExp(` <=? ${clock}`, "g"), " > "],
  [new RegExp(` >=? ${clock}`, "g"), " < "],
  [new RegExp(` <= ${others}`, "g"), " < "],
  [new RegExp(` < ${others}`, "g"), " <= "],
  [new RegExp(` >= ${others}`, "g"), " > "],
  [new RegExp(` > ${others}`, "g"), " >= "],
  [/ <> /g, " = "],
  [/\bIS NULL\b/g, "IS NOT NULL"],
  [/\bIS NOT NULL\b/g, "IS NULL"],
  [/(?<=\b(?:WHERE|AND|OR|ON) [\w.]+) = /g, " <> "],
];

function changesOfSql({ start, end }: Node, source: string): Change[] {
  const text = source.slice(start, end);
  if (!/\b(?:SELECT|UPDATE|INSERT|DELETE|WHERE|AND|OR|IS) /.test(text)) return [];
  return inSql.flatMap(([pattern, replacement]) =>
    [...text.matchAll(pattern)].map(({ index, 0: found }) => ({
      start: start + index,
      end: start + index + found.length,
      replacement,
    }))
  );
}
