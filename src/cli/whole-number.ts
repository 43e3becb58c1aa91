import { InvalidArgumentError } from "commander";

/** Reads an option's value as a whole number. */
export function wholeNumber(from: number): (text: string) => number {
  return (text) => {
    if (!/^\d{1,15}$/.test(text) || Number(text) < from) {
      throw new InvalidArgumentError(`Expected a whole number from ${from}.`);
    }
    return Number(text);
  };
}
