import { malformed } from "./malformed.ts";

/** What JSON says. */
export function parseJsonText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed("JSON");
  }
}
