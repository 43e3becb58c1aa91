/**
 * An error in one line, with the reason that a runtime's `fetch` hides in the cause. A total
 * function: whatever was thrown, it answers.
 */
export function describeError(error: unknown): string {
  try {
    if (!(error instanceof Error)) return "Something that is not an Error was thrown.";
    const cause = error.cause as { code?: unknown; message?: unknown } | undefined;
    const reason = cause?.code ?? cause?.message;
    const text = `${error.name}: ${error.message}${reason === undefined ? "" : ` (${reason})`}`;
    return text.slice(0, 1_000);
  } catch {
    return "Something that cannot be described was thrown.";
  }
}

/** Where an error was thrown: the first line of its stack that names a place outside the runtime. */
export function originOf(error: unknown): string | undefined {
  try {
    const stack = error instanceof Error ? error.stack ?? "" : "";
    return stack.match(/^\s+at .+$/gm)?.find((line) => !/\b(?:node|ext|native):/.test(line))
      ?.trim().slice("at ".length);
  } catch {
    return undefined;
  }
}
