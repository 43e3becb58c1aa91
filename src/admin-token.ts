/** The fewest characters a token for operators may have. */
const minimumTokenLength = 24;

/**
 * What is wrong with a token for operators, or `undefined` when it is good.
 * The sentence says what was expected and never holds the token.
 */
export function adminTokenProblem(token: unknown): string | undefined {
  if (typeof token !== "string") return "expected text";
  if (token !== token.trim()) {
    return "expected no white space around the token; copy it without spaces and line ends";
  }
  if (token.length < minimumTokenLength) {
    return `expected at least ${minimumTokenLength} characters, got ${token.length}`;
  }
  // Others do not pass through a header as they are.
  return /^[\x20-\x7e]*$/.test(token) ? undefined : "expected ASCII characters only";
}
