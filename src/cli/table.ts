import process from "node:process";
import { colored } from "./output.ts";

const gap = "  ";
const narrowest = 8;

/**
 * A table for people. On a terminal it is as wide as that at the most: the widest columns are cut,
 * but never the first one, which holds what is copied from it.
 *
 * @param width The most characters a line may have.
 */
export function table(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  width: number = process.stdout.isTTY ? process.stdout.columns || 80 : Infinity,
): string {
  const lines = [titles, ...rows].map((cells) => cells.map(visible));
  const widths = titles.map((_, column) =>
    Math.max(...lines.map((cells) => lengthOf(cells[column])))
  );
  shrink(widths, width - gap.length * (titles.length - 1));
  return lines.map((cells, index) => {
    const line = cells
      .map((cell, column) => fitted(cell, widths[column] ?? 0))
      .join(gap)
      .trimEnd();
    return index === 0 ? colored("bold", line) : line;
  }).join("\n");
}

/** Text of elsewhere, without what would move a terminal's cursor or turn its direction. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, "\ufffd");
}

function shrink(widths: number[], available: number): void {
  let excess = widths.reduce((sum, width) => sum + width, 0) - available;
  while (excess > 0) {
    const others = widths.slice(1);
    const widest = Math.max(...others);
    if (others.length === 0 || widest <= narrowest) return;
    widths[1 + others.indexOf(widest)] = widest - 1;
    excess--;
  }
}

function fitted(text: string, width: number): string {
  const characters = [...text];
  if (characters.length > width) return `${characters.slice(0, width - 1).join("")}…`;
  return text + " ".repeat(width - characters.length);
}

function lengthOf(text = ""): number {
  return [...text].length;
}
