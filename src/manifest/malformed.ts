import { PermanentError } from "../processor/processor.ts";

/** What is thrown for text that cannot be read: no later attempt can. It repeats nothing of it. */
export function malformed(format: string, where?: string): PermanentError {
  const place = where === undefined ? "" : ` (${where})`;
  return new PermanentError(`The result is not well-formed ${format}${place}.`);
}
