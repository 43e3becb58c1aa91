import { expect, test } from "vitest";
import { isSound } from "../../../src/storage/sqlite/sound-version.ts";

test.each([
  ["3.51.3", true],
  ["3.51.4", true],
  ["3.51.10", true],
  ["3.52.0", true],
  ["4.0.0", true],
  ["3.51.2", false],
  ["3.50.9", false],
  ["3.51", false],
  ["2.99.99", false],
])("isSound() says of SQLite %s: %s", (version, sound) => {
  expect(isSound(version)).toBe(sound);
});
