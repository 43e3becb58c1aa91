import process from "node:process";
import { type Color, colored } from "./output.ts";
import { visible } from "../visible.ts";

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Never cut, as it is copied from there. */
  readonly isWhole?: true;
  /** The colour of a cell, by its text. */
  readonly color?: (cell: string) => Color | undefined;
}

const gap = "  ";
const narrowest = 8;

/**
 * A table for people. On a terminal it is as wide as that, if it can: the widest columns are cut.
 *
 * @param width The most characters a line should have.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number = process.stdout.isTTY ? process.stdout.columns || 80 : Infinity,
): string {
  const titles = columns.map(({ title }) => title);
  const lines = [titles, ...rows].map((cells) => cells.map(visible));
  const widths = columns.map((_, column) =>
    Math.max(...lines.map((cells) => lengthOf(cells[column])))
  );
  shrink(widths, columns, width - gap.length * (columns.length - 1));
  return lines.map((cells, index) => {
    const isTitle = index === 0;
    const line = cells.map((cell, column) => {
      const text = fitted(cell, widths[column] ?? 0);
      const color = isTitle ? undefined : columns[column]?.color?.(cell);
      // The spaces behind it stay as they are, so that those at the line's end can be cut.
      return color === undefined ? text : colored(color, text.trimEnd()) + padding(text);
    }).join(gap).trimEnd();
    return isTitle ? colored("bold", line) : line;
  }).join("\n");
}

function shrink(widths: number[], columns: readonly Column[], available: number): void {
  const excess = widths.reduce((sum, width) => sum + width, 0) - available;
  for (let left = excess; left > 0; left--) {
    const open = widths.map((width, column) => columns[column]?.isWhole ? 0 : width);
    const widest = Math.max(...open);
    if (widest <= narrowest) return;
    widths[open.indexOf(widest)] = widest - 1;
  }
}

function fitted(text: string, width: number): string {
  const characters = [...text];
  if (characters.length > width) return `${characters.slice(0, width - 1).join("")}…`;
  return text + " ".repeat(width - characters.length);
}

function padding(text: string): string {
  return " ".repeat(text.length - text.trimEnd().length);
}

function lengthOf(text = ""): number {
  return [...text].length;
}
