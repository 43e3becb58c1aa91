// The forms that the values of settings have, each with its message.

/** A value that was read, or what is wrong with it. */
export type Reading<T> = { readonly value: T } | { readonly problem: string };

/** Reads a value as it was set. */
export type Form<T> = (value: unknown) => Reading<T>;

/** What came, for a message. Only for a setting that can hold no secret. */
export const got = (value: unknown): string =>
  `got ${typeof value === "string" ? JSON.stringify(value) : String(value)}`;

/** Text, with what is wrong with it, if anything. */
export const text =
  (problemOf: (text: string) => string | undefined = () => undefined): Form<string> => (value) => {
    if (typeof value !== "string") return { problem: "expected text" };
    const problem = problemOf(value);
    return problem === undefined ? { value } : { problem };
  };

/** A number, as such or as text. */
export const wholeNumber = (from: number, to: number): Form<number> => (given) => {
  const value = /^\d+$/.test(String(given)) ? Number(given) : NaN;
  const fits = value >= from && value <= to;
  return fits
    ? { value }
    : { problem: `expected a whole number from ${from} to ${to}, ${got(given)}` };
};

/** One of some words. */
export const oneOf = <const T extends string>(words: readonly T[]): Form<T> => (given) => {
  const value = words.find((word) => word === given);
  return value === undefined
    ? { problem: `expected one of ${words.join(", ")}, ${got(given)}` }
    : { value };
};

const flags: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [true, true],
  ["true", true],
  ["1", true],
  ["on", true],
  [false, false],
  ["false", false],
  ["0", false],
  ["off", false],
]);

/** Yes or no, in the words that are common for it. */
export const flag: Form<boolean> = (given) => {
  const value = flags.get(given);
  return value === undefined ? { problem: `expected true or false, ${got(given)}` } : { value };
};
