import fc from "fast-check";
import { expect, test } from "vitest";
import { retryDelay } from "../src/backoff.ts";

const nearlyOne = () => 1 - Number.EPSILON;

test("retryDelay() reaches from two seconds to an hour in eight attempts", () => {
  const longest = Array.from({ length: 8 }, (_, index) => retryDelay(index + 1, {}, nearlyOne));
  expect(longest).toEqual([
    2_000,
    8_000,
    32_000,
    128_000,
    512_000,
    2_048_000,
    3_600_000,
    3_600_000,
  ]);
});

test("retryDelay() waits any part of its longest wait", () => {
  expect(retryDelay(3, {}, () => 0)).toBe(0);
  expect(retryDelay(3, {}, () => 0.25)).toBe(8_000);
  expect(retryDelay(3, {}, () => 0.5)).toBe(16_000);
});

test("retryDelay() begins and ends where its options say", () => {
  const options = { firstMs: 10, maxMs: 65 };
  expect([1, 2, 3, 4].map((attempt) => retryDelay(attempt, options, nearlyOne)))
    .toEqual([10, 40, 65, 65]);
});

test("retryDelay() has an answer for attempts beyond all growth", () => {
  expect(retryDelay(5_000, {}, nearlyOne)).toBe(3_600_000);
  expect(retryDelay(5_000, { firstMs: 0 }, nearlyOne)).toBe(0);
});

test("retryDelay() is chance unless it is given another", () => {
  const delays = Array.from({ length: 50 }, () => retryDelay(10));
  expect(new Set(delays).size).toBeGreaterThan(1);
});

test("retryDelay() is a whole number between nothing and its longest wait", () => {
  const options = fc.record({ firstMs: fc.nat(10_000), maxMs: fc.nat(10_000_000) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), options, (attempt, { firstMs, maxMs }) => {
      const delay = retryDelay(attempt, { firstMs, maxMs });
      expect(Number.isInteger(delay)).toBe(true);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThanOrEqual(maxMs);
      if (attempt === 1) expect(delay).toBeLessThanOrEqual(firstMs);
    }),
  );
});
