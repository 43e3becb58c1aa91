/** How much of an attempt's error is remembered, in characters (UTF-16 units). */
const attemptErrorLength = 200;

/** As much of an error as an attempt remembers; a character that would be cut in two is replaced. */
export function attemptError(error: string): string {
  return error.slice(0, attemptErrorLength).toWellFormed();
}
