import process from "node:process";
import { styleText } from "node:util";

/** Prints one result: as a line for people, or as one JSON object. */
export function print(json: boolean | undefined, text: string, object: object): void {
  process.stdout.write(`${json ? JSON.stringify(object) : text}\n`);
}

/** Prints what is to be known beside the result. */
export function warn(json: boolean | undefined, text: string): void {
  process.stderr.write(`${json ? JSON.stringify({ warning: text }) : text}\n`);
}

/** Text in a colour, where standard output is a terminal that shows any. */
export function colored(color: "green" | "red" | "bold" | "dim", text: string): string {
  return styleText(color, text, { stream: process.stdout });
}
