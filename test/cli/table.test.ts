import { expect, test } from "vitest";
import { relativeTime } from "../../src/cli/relative-time.ts";
import { table, visible } from "../../src/cli/table.ts";

const titles = ["ID", "URL", "EVENTS"];
const row = ["0123456789", "https://example.com/webhook", "job.succeeded, job.failed"];

test("table() makes its columns as wide as what is in them", () => {
  expect(table(titles, [row, ["1", "é", "x"]])).toBe([
    "ID          URL                          EVENTS",
    "0123456789  https://example.com/webhook  job.succeeded, job.failed",
    "1           é                            x",
  ].join("\n"));
  expect(table(titles, [])).toBe("ID  URL  EVENTS");
});

test("table() fits a terminal by cutting the widest columns, never the first", () => {
  expect(table(titles, [row], 50)).toBe([
    "ID          URL                 EVENTS",
    "0123456789  https://example.c…  job.succeeded, jo…",
  ].join("\n"));
  expect(table(titles, [row], 10)).toBe([
    "ID          URL       EVENTS",
    "0123456789  https:/…  job.suc…",
  ].join("\n"));
});

test("table() shows what would move a terminal's cursor or turn its text", () => {
  expect(table(["A"], [["x\u001b[2Jy\r\n\u202ez"]])).toBe("A\nx\ufffd[2Jy\ufffd\ufffd\ufffdz");
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
