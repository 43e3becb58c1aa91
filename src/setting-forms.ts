import * as v from "valibot";

// The forms that the values of settings have, each with its message.

/** What came, for a message. Only for a setting that can hold no secret. */
export const got = (value: unknown): string => `got ${JSON.stringify(value)}`;

/** Text, with what is wrong with it, if anything. */
export const checked = (
  problem: (text: string) => string | undefined,
): v.GenericSchema<string> =>
  v.pipe(
    v.string("expected text"),
    v.rawCheck(({ dataset, addIssue }) => {
      const message = dataset.typed ? problem(dataset.value) : undefined;
      if (message !== undefined) addIssue({ message });
    }),
  );

/** A number, as such or as text. */
export const wholeNumber = (
  from: number,
  to: number,
): v.GenericSchema<number | string, number> =>
  v.pipe(
    v.union([v.number(), v.string()]),
    v.check(
      (value) => /^\d+$/.test(String(value)) && Number(value) >= from && Number(value) <= to,
      ({ input }) => `expected a whole number from ${from} to ${to}, ${got(input)}`,
    ),
    v.transform(Number),
  );

/** One of some words. */
export const oneOf = <const T extends string>(values: readonly T[]): v.GenericSchema<T> =>
  v.picklist(values, ({ input }) => `expected one of ${values.join(", ")}, ${got(input)}`);

const flags: ReadonlyMap<unknown, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["off", false],
]);

/** Yes or no, in the words that are common for it. */
export const flag: v.GenericSchema<boolean | string, boolean> = v.pipe(
  v.union([v.boolean(), v.string()]),
  v.check(
    (value) => flags.has(String(value)),
    ({ input }) => `expected true or false, ${got(input)}`,
  ),
  v.transform((value) => flags.get(String(value)) === true),
);
