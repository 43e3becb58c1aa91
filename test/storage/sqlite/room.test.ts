import { expect, test } from "vitest";
import { hasRoom } from "../../../src/storage/sqlite/room.ts";

const mebibyte = 1_048_576;
const space = (size: number, free: number) => ({
  bsize: 4_096,
  blocks: size / 4_096,
  bavail: free / 4_096,
});

test("hasRoom() keeps 8 MiB of a disk for what is stored already", () => {
  expect(hasRoom(space(1_000 * mebibyte, 500 * mebibyte))).toBe(true);
  expect(hasRoom(space(1_000 * mebibyte, 8 * mebibyte))).toBe(true);
  expect(hasRoom(space(1_000 * mebibyte, 8 * mebibyte - 4_096))).toBe(false);
  expect(hasRoom(space(1_000 * mebibyte, 0))).toBe(false);
});

test("hasRoom() keeps half of a small disk", () => {
  expect(hasRoom(space(12 * mebibyte, 6 * mebibyte))).toBe(true);
  expect(hasRoom(space(12 * mebibyte, 6 * mebibyte - 4_096))).toBe(false);
});

test("hasRoom() trusts a file system that does not tell its size", () => {
  expect(hasRoom({ bsize: 4_096, blocks: 0, bavail: 0 })).toBe(true);
});
