import process from "node:process";
import { type Command, InvalidArgumentError } from "commander";
import type { PageJson } from "../operations/answers.ts";
import { OperationError } from "../operations/operations.ts";
import { ExpectedError } from "./expected-error.ts";
import { print } from "./output.ts";
import { withProgress } from "./progress.ts";
import { type Column, table } from "./table.ts";
import { visible } from "../visible.ts";
import { wholeNumber } from "./whole-number.ts";

/** The flags of a verb that lists in parts. */
export interface PageFlags {
  readonly limit: number;
  readonly cursor?: string;
  readonly json?: true;
}

// The most that one call lists.
const pageSize = 200;

/** Lets a verb list in parts. */
export function addPageOptions(command: Command): Command {
  return command
    .option("--limit <n>", "how many at the most", wholeNumber(1), 20)
    .option("--cursor <cursor>", "go on where a list before ended", (text: string) => {
      if (text === "") throw new InvalidArgumentError("Expected what a list before printed.");
      return text;
    });
}

/** As much of a list as was asked for, from however many pages. */
export async function listPages<T>(
  { limit, cursor, json }: PageFlags,
  page: (position: { readonly limit: number; readonly cursor?: string }) => Promise<PageJson<T>>,
): Promise<PageJson<T>> {
  const gather = async (): Promise<PageJson<T>> => {
    const data: T[] = [];
    let next: string | null = cursor ?? null;
    do {
      const most = Math.min(pageSize, limit - data.length);
      const part = await page({ limit: most, ...(next !== null && { cursor: next }) });
      data.push(...part.data);
      next = part.next_cursor;
    } while (next !== null && data.length < limit);
    return { data, next_cursor: next };
  };
  try {
    return await withProgress(json, "Looking through the list…", gather());
  } catch (error) {
    const isCursor = error instanceof OperationError && error.code === "invalid_request" &&
      error.issues.some(({ path }) => path === "cursor");
    if (!isCursor) throw error;
    throw new ExpectedError(2, "--cursor expects what a list before printed.", { cause: error });
  }
}

/** How a list is shown. */
export interface Presentation<T> {
  readonly columns: readonly Column[];
  readonly row: (item: T) => readonly string[];
  /** Said to people where there is nothing. */
  readonly none: string;
}

/** Prints a part of a list, and how to go on. */
export function printPart<T extends object>(
  { json, cursor }: Pick<PageFlags, "json" | "cursor">,
  { data, next_cursor }: PageJson<T>,
  { columns, row, none }: Presentation<T>,
): void {
  if (json) {
    for (const item of data) print(json, "", item);
    if (next_cursor !== null) print(json, "", { next_cursor });
    return;
  }
  const nothing = cursor === undefined ? none : "There are no more.";
  process.stdout.write(`${data.length > 0 ? table(columns, data.map(row)) : nothing}\n`);
  if (next_cursor !== null) {
    process.stdout.write(`\nThere are more: add --cursor ${visible(next_cursor)}\n`);
  }
}
