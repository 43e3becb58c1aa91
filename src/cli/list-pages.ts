import process from "node:process";
import { type Command, InvalidArgumentError } from "commander";
import { StorageError } from "../storage/storage.ts";
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

/** Some of a list. */
export interface Part<T> {
  readonly items: readonly T[];
  /** Where the next part begins; null at the end. */
  readonly nextCursor: string | null;
}

/** Lets a verb list in parts. */
export function addPageOptions(command: Command): Command {
  return command
    .option("--limit <n>", "how many at the most", wholeNumber(1), 20)
    .option("--cursor <cursor>", "go on where a list before ended", (text: string) => {
      if (text === "") throw new InvalidArgumentError("Expected what a list before printed.");
      return text;
    });
}

/** As much of a list as was asked for, from however many pages of a storage. */
export async function listPages<T>(
  { limit, cursor, json }: PageFlags,
  page: (query: { readonly limit: number; readonly cursor?: string }) => Promise<Part<T>>,
): Promise<Part<T>> {
  const gather = async (): Promise<Part<T>> => {
    const items: T[] = [];
    let next: string | null = cursor ?? null;
    do {
      const query = { limit: limit - items.length, ...(next !== null && { cursor: next }) };
      const part = await page(query);
      items.push(...part.items);
      next = part.nextCursor;
    } while (next !== null && items.length < limit);
    return { items, nextCursor: next };
  };
  try {
    return await withProgress(json, "Looking through the storage…", gather());
  } catch (error) {
    if (cursor === undefined || error instanceof StorageError) throw error;
    throw new ExpectedError(2, "--cursor expects what a list before printed.", { cause: error });
  }
}

/** How a list is shown. */
export interface Presentation<T> {
  readonly toJson: (item: T) => object;
  readonly columns: readonly Column[];
  readonly row: (item: T) => readonly string[];
  /** Said to people where there is nothing. */
  readonly none: string;
}

/** Prints a part of a list, and how to go on. */
export function printPart<T>(
  { json, cursor }: Pick<PageFlags, "json" | "cursor">,
  { items, nextCursor }: Part<T>,
  { toJson, columns, row, none }: Presentation<T>,
): void {
  if (json) {
    for (const item of items) print(json, "", toJson(item));
    if (nextCursor !== null) print(json, "", { next_cursor: nextCursor });
    return;
  }
  const nothing = cursor === undefined ? none : "There are no more.";
  process.stdout.write(`${items.length > 0 ? table(columns, items.map(row)) : nothing}\n`);
  if (nextCursor !== null) {
    process.stdout.write(`\nThere are more: add --cursor ${visible(nextCursor)}\n`);
  }
}
