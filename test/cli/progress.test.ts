import process from "node:process";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { withProgress } from "../../src/cli/progress.ts";
import { createGate } from "../support/gate.ts";

const isTTY = process.stderr.isTTY;
beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  process.stderr.isTTY = isTTY;
});

/** What is printed of work that takes so long. */
async function printed(milliseconds: number, isTerminal: boolean, json?: true): Promise<string[]> {
  const lines: string[] = [];
  process.stderr.isTTY = isTerminal;
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    lines.push(String(text));
    return true;
  });
  const { open, opened } = createGate();
  setTimeout(open, milliseconds);
  const work = withProgress(json, "Waiting…", opened.then(() => 7));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await work).toBe(7);
  return lines;
}

test("withProgress() tells a terminal, once, of what takes more than a second", async () => {
  expect(await printed(1_001, true)).toEqual(["Waiting…\n"]);
  expect(await printed(999, true)).toEqual([]);
  expect(await printed(3_000, false)).toEqual([]);
  expect(await printed(3_000, true, true)).toEqual([]);
});

test("withProgress() passes failures on", async () => {
  await expect(withProgress(undefined, "", Promise.reject(new Error("no")))).rejects.toThrow("no");
});
