/**
 * What is wrong with a version of Node.js, to follow a name; undefined where it is new enough.
 *
 * @param range `>=` and the oldest version that will do.
 */
export function tooOldFor(range: string, version: string): string | undefined {
  const oldest = range.replace(">=", "");
  const [major = 0, minor = 0] = oldest.split(".").map(Number);
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) return undefined;
  return `needs Node.js ${oldest} or newer; this is ${version}. Get one from https://nodejs.org`;
}
