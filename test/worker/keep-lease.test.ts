import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keepLease } from "../../src/lease.ts";
import { silentLogger } from "../../src/logger.ts";
import { createGate } from "../support/gate.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const lease = { eventId: "evt_1", processor: "a", fence: 1 };
const leaseMs = 900;

function keep(renew: () => Promise<boolean>) {
  const lost = vi.fn();
  const storage = { renew: vi.fn(renew) };
  const heldSince = performance.now();
  const kept = keepLease(lease, leaseMs, {
    storage: storage as never,
    logger: silentLogger,
    heldSince,
    lost,
  });
  return { kept, lost, heldSince };
}

test("keepLease() holds a lease from the moment at which its renewal was asked for", async () => {
  const { kept, lost, heldSince } = keep(() => Promise.resolve(true));
  expect(kept.heldUntil()).toBe(heldSince + leaseMs);
  await vi.advanceTimersByTimeAsync(leaseMs / 3);
  expect(kept.heldUntil()).toBe(heldSince + leaseMs / 3 + leaseMs);
  await vi.advanceTimersByTimeAsync(10 * leaseMs);
  expect(lost).not.toHaveBeenCalled();
  kept.release();
  expect(vi.getTimerCount()).toBe(0);
});

test("keepLease() says that a lease is lost at its end, and not before", async () => {
  const { lost } = keep(() => Promise.reject(new Error("away")));
  await vi.advanceTimersByTimeAsync(leaseMs - 1);
  expect(lost).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(lost).toHaveBeenCalledOnce();
});

test("keepLease() says that a lease is lost at the end of what was renewed last", async () => {
  let renewals = 0;
  const { lost } = keep(() => ++renewals === 1 ? Promise.resolve(true) : new Promise(() => {}));
  await vi.advanceTimersByTimeAsync(leaseMs / 3 + leaseMs - 1);
  expect(lost).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(lost).toHaveBeenCalledOnce();
});

test.each([true, false])(
  "keepLease() says and keeps nothing once it is released, though a renewal says %s",
  async (renewed) => {
    const { open, opened } = createGate();
    const { kept, lost } = keep(async () => {
      await opened;
      return renewed;
    });
    await vi.advanceTimersByTimeAsync(leaseMs / 3);
    kept.release();
    open();
    await vi.advanceTimersByTimeAsync(10 * leaseMs);
    expect(lost).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  },
);
