import { visible } from "../visible.ts";
import type { StandardIssue } from "./standard-schema.ts";

const most = 10;
const longestPath = 80;
const longestExpectation = 60;

/**
 * What a schema does not like, in one line: where, and what was expected there. Of a value that was
 * received it says nothing: so not the message of the library, which may repeat it.
 */
export function describeIssues(issues: readonly StandardIssue[]): string {
  const listed = issues.slice(0, most).map((issue) => {
    // A list of the library's own kind may have another `map`.
    const keys = Array.from(issue.path ?? [], (part) => typeof part === "object" ? part.key : part);
    const path = keys.map(String).join(".");
    const where = path === "" ? "" : `${shortened(path, longestPath)}: `;
    return `${where}${shortened(expectationOf(issue), longestExpectation)}`;
  });
  const more = issues.length - listed.length;
  return [...listed, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}

/** What valibot, zod and arktype say beside the message, of the schema alone. */
function expectationOf(issue: StandardIssue): string {
  const { expected, code, type } = issue as { expected?: unknown; code?: unknown; type?: unknown };
  if (typeof expected === "string") return `expected ${expected}`;
  const kind = [code, type].find((word) => typeof word === "string");
  return kind === undefined ? "does not fit" : `does not fit (${kind})`;
}

function shortened(text: string, length: number): string {
  const shown = visible(text);
  return shown.length > length ? `${shown.slice(0, length).toWellFormed()}…` : shown;
}
