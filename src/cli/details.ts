import { colored } from "./output.ts";
import { visible } from "../visible.ts";

/** Names and what they stand for, a line each. */
export function details(rows: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows
    .map(([name, value]) => `  ${colored("dim", name.padEnd(width))}${visible(value)}`)
    .join("\n");
}
