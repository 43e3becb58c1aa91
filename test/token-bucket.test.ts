import { expect, test } from "vitest";
import { createTokenBucket } from "../src/token-bucket.ts";

test("take() gives what is saved up, and then what comes back", () => {
  let time = 1_000;
  const bucket = createTokenBucket(5, 10, () => time);
  expect(bucket.take(6)).toBe(false);
  expect(bucket.take(5)).toBe(true);
  expect(bucket.take(1)).toBe(false);
  time += 5_000;
  expect(bucket.take(1)).toBe(false);
  time += 1_001;
  expect(bucket.take(1)).toBe(true);
  expect(bucket.take(1)).toBe(false);
});

test("take() finds no more than the size, however long nobody took", () => {
  let time = 0;
  const bucket = createTokenBucket(5, 10, () => time);
  time += 3_600_000;
  expect(bucket.take(5)).toBe(true);
  expect(bucket.take(1)).toBe(false);
});
