import process from "node:process";
import { styleText } from "node:util";

/** Prints one result: as a line for people, or as one JSON object. */
export function print(json: boolean | undefined, text: string, object: object): void {
  process.stdout.write(`${json ? jsonOf(object) : text}\n`);
}

/** Prints what is to be known beside the result. */
export function warn(json: boolean | undefined, text: string): void {
  process.stderr.write(`${json ? jsonOf({ warning: text }) : text}\n`);
}

/** JSON in one line, in which nothing is left that a terminal acts on. */
export function jsonOf(value: object): string {
  return JSON.stringify(value).replace(
    /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** What text is coloured for: what went well, what did not, what needs a look, what matters less. */
export type Color = "green" | "red" | "yellow" | "bold" | "dim";

/** Text in a colour, where standard output is a terminal that shows any. */
export function colored(color: Color, text: string): string {
  return styleText(color, text, { stream: process.stdout });
}
