import { InvalidArgumentError } from "commander";
import { expect, test } from "vitest";
import { duration, moment } from "../../src/cli/time-value.ts";

test.each([["90s", 90_000], ["10m", 600_000], ["24h", 86_400_000], ["7d", 604_800_000], ["0s", 0]])(
  "duration() reads %s",
  (text, milliseconds) => {
    expect(duration(text)).toBe(milliseconds);
  },
);

test.each([[""], ["10"], ["m"], ["-1m"], ["1.5h"], ["10 m"], ["9999999999d"]])(
  "duration() refuses %j",
  (text) => {
    expect(() => duration(text)).toThrow(InvalidArgumentError);
  },
);

test("moment() reads how long ago, and dates", () => {
  expect(Math.abs(moment("1h") - (Date.now() - 3_600_000))).toBeLessThan(1_000);
  expect(moment("2026-01-31")).toBe(Date.UTC(2026, 0, 31));
  expect(moment("2026-01-31T08:00+01:00")).toBe(Date.UTC(2026, 0, 31, 7));
});

test.each([["yesterday"], ["2026"], ["2026-02-99"], ["999999999d"], ["1769846400000"]])(
  "moment() refuses %j",
  (text) => {
    expect(() => moment(text)).toThrow(InvalidArgumentError);
  },
);
