/** The part of what is given, in order, that is below: 0.5 is the median. NaN of nothing. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  const position = (sorted.length - 1) * part;
  const below = sorted[Math.floor(position)] ?? NaN;
  const above = sorted[Math.ceil(position)] ?? NaN;
  return below + (above - below) * (position - Math.floor(position));
}

/** The one in the middle; of an even number, the mean of the two. NaN of nothing. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
