import { expect, test, vi } from "vitest";
import { createRoute } from "../../../src/storage/spool/route.ts";
import { createGate } from "../../support/gate.ts";

test("end() does nothing while a write is under way, or once one has begun since", async () => {
  const route = createRoute();
  const { open, opened } = createGate();
  const before = route.writes();
  const writing = route.write(() => opened);
  expect(route.end(before)).toBe(false);
  expect(route.end(route.writes())).toBe(false);
  open();
  await writing;
  expect(route.end(before)).toBe(false);
  expect(route.spooling()).toBe(true);
  expect(route.end(route.writes())).toBe(true);
  expect(route.spooling()).toBe(false);
});

test("begin() sends what comes to the spool, also right after an end", () => {
  const route = createRoute();
  expect(route.end(0)).toBe(true);
  route.begin();
  expect(route.spooling()).toBe(true);
});

test("quiet() waits for every write, also for one that fails", async () => {
  const route = createRoute();
  const { open, opened } = createGate();
  let quiet = false;
  const failing = route.write(() => opened.then(() => Promise.reject(new Error("full"))));
  const writing = route.write(() => opened);
  const waiting = route.quiet().then(() => quiet = true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(quiet).toBe(false);
  open();
  await expect(failing).rejects.toThrow("full");
  await Promise.all([writing, waiting]);
  await route.quiet();
});

test("decided() waits while it is held, a second at the most, less if slowed or told", async () => {
  vi.useFakeTimers();
  try {
    const route = createRoute();
    const takes = async (signal?: AbortSignal) => {
      const startedAt = performance.now();
      const decided = route.decided(signal);
      await vi.runAllTimersAsync();
      await decided;
      return performance.now() - startedAt;
    };
    // At first nothing is decided.
    expect(await takes()).toBe(1_000);
    expect(await takes(AbortSignal.abort())).toBe(0);
    route.slow();
    expect(await takes()).toBe(100);
    route.resume();
    expect(await takes()).toBe(0);
    route.slow();
    expect(await takes()).toBe(100);
    route.hold();
    expect(await takes()).toBe(1_000);
    route.resume();
    expect(await takes()).toBe(0);
    route.hold();
    expect(await takes()).toBe(1_000);
    const decided = route.decided(undefined);
    route.resume();
    await decided;
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
