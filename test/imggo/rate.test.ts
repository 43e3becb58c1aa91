import fc from "fast-check";
import { expect, test } from "vitest";
import { createRate } from "../../src/imggo/rate.ts";

const minute = 60_000;

test("createRate() never lets more start in a minute, whatever is asked, given back and held", () => {
  const step = fc.record({
    after: fc.integer({ min: 0, max: 30_000 }),
    patience: fc.integer({ min: 0, max: 200_000 }),
    isAborted: fc.boolean(),
    hold: fc.option(fc.integer({ min: 0, max: 90_000 })),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step), (perMinute, steps) => {
      const rate = createRate(perMinute);
      const starts: number[] = [];
      let now = 0;
      let heldUntil = 0;
      for (const { after, patience, isAborted, hold } of steps) {
        now += after;
        if (hold !== null) rate.hold(now + hold);
        heldUntil = Math.max(heldUntil, now + (hold ?? 0));
        const at = rate.take(now, patience);
        expect(at).toBeGreaterThanOrEqual(Math.max(now, hold === null ? now : heldUntil));
        if (at - now > patience) continue;
        if (isAborted && at > now) rate.giveBack(at);
        else starts.push(at);
      }
      for (const start of starts) {
        const within = starts.filter((other) => other >= start && other < start + minute);
        expect(within.length).toBeLessThanOrEqual(perMinute);
      }
    }),
    { numRuns: 500 },
  );
});

test("createRate() makes nobody wait who need not", () => {
  const rate = createRate(2);
  expect([rate.take(0, 0), rate.take(10, 0)]).toEqual([0, 10]);
  expect(rate.take(20, 59_979)).toBe(minute);
  expect(rate.take(20, 59_980)).toBe(minute);
  expect(rate.take(20, 59_990)).toBe(minute + 10);
  expect(rate.take(3 * minute, 0)).toBe(3 * minute);
});
