import { expect, test } from "vitest";
import { relativeTime } from "../../src/relative-time.ts";
import { table } from "../../src/cli/table.ts";
import { visible } from "../../src/visible.ts";

const columns = [{ title: "ID", isWhole: true }, { title: "TEXT" }, { title: "NOTE" }] as const;

test("table() cuts the widest columns to the width, and never a whole one", () => {
  const id = "evt_".padEnd(30, "0");
  const lines = table(columns, [[id, "long ".repeat(20), "a note"]], 60).split("\n");
  expect(lines[1]).toMatch(new RegExp(`^${id}  (?:long )+.*…  a note$`));
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  const [, narrow] = table(columns, [[id, "long ".repeat(20), "a note"]], 10).split("\n");
  expect(narrow).toBe(`${id}  long lo…  a note`);
});

test("table() cuts nothing where there is room", () => {
  expect(table(columns, [["1", "text", ""], ["22", "", "note"]], Infinity)).toBe(
    "ID  TEXT  NOTE\n1   text\n22        note",
  );
});

test("table() shows no character that a terminal acts on", () => {
  const text = table(columns, [["\u001b[31m", "a\nb\u009b", "\u202e\u2028"]]);
  expect(text.split("\n")).toHaveLength(2);
  expect(text).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}|\u2028/u);
});

test("visible() leaves alone what a terminal only shows", () => {
  expect(visible("Käse 一 😀")).toBe("Käse 一 😀");
});

test("relativeTime() says when, as people do", () => {
  const now = Date.parse("2026-01-15T10:30:00Z");
  const said = (seconds: number) => relativeTime(now + seconds * 1_000, now);
  expect(
    [0, -4, -5, -59, -60, -3_599, -3_600, -86_399, -86_400, -40 * 86_400, -800 * 86_400].map(said),
  )
    .toEqual([
      "just now",
      "just now",
      "5 seconds ago",
      "59 seconds ago",
      "1 minute ago",
      "59 minutes ago",
      "1 hour ago",
      "23 hours ago",
      "1 day ago",
      "1 month ago",
      "2 years ago",
    ]);
  expect(said(90)).toBe("in 1 minute");
  expect(relativeTime("2026-01-15T09:00:00+01:00", now)).toBe("2 hours ago");
  for (const none of [undefined, "", "soon", NaN]) expect(relativeTime(none, now)).toBe("never");
});
