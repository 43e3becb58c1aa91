import { PermanentError } from "./processor.ts";

/** An event, or a part of one, as JSON in one line. */
export function eventJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    // What was parsed can be written, if it is not nested beyond the stack's depth.
    throw new PermanentError("The result is nested too deep.", { cause });
  }
}
