import { expect, test } from "vitest";
import { chart, periods } from "../../../src/admin/pages/chart.ts";

const minute = 60_000;
const now = Date.UTC(2026, 0, 31, 12, 0, 30);
const at = (minutesAgo: number, accepted: number) => ({
  startsAt: Math.floor(now / minute) * minute - minutesAgo * minute,
  accepted,
  duplicates: 0,
  rejected: 0,
  dead: 0,
});

/** The bars, each with where it begins and how tall it is. */
const bars = (drawn: unknown) =>
  [...String(drawn).matchAll(/<rect x="(\d+)" y="\d+" width="3" height="(\d+)">/g)]
    .map(([, x, height]) => [Number(x) / 4, Number(height)]);

test("chart() draws a bar for each part of the period in which something happened", () => {
  const activity = [at(60, 9), at(59, 1), at(1, 10), at(0, 5)];
  const hour = chart("accepted", periods[0]!, activity, now);
  expect(bars(hour)).toEqual([[0, 4], [58, 40], [59, 20]]);
  expect(String(hour)).toContain("<b>16</b>");
  expect(String(hour)).toContain('aria-label="Accepted, last hour: 16, at most 10 times a minute"');
  const day = chart("accepted", periods[1]!, activity, now);
  expect(String(day)).toContain("<b>25</b>");
  expect(bars(day)).toEqual([[91, 40], [94, 40], [95, 20]]);
});

test("chart() takes a minute that is ahead as the last one, and draws nothing of nothing", () => {
  expect(bars(chart("accepted", periods[0]!, [at(-3, 2)], now))).toEqual([[59, 40]]);
  expect(bars(chart("dead", periods[0]!, [at(1, 2)], now))).toEqual([]);
});
