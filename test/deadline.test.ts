import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pause, within } from "../src/deadline.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const late = () => new Error("late");
const never = new Promise<never>(() => {});

test("within() gives what the work gives, and leaves no timer behind", async () => {
  expect(await within(Promise.resolve(7), 1_000, late)).toBe(7);
  await expect(within(Promise.reject(new Error("broken")), 1_000, late)).rejects.toThrow("broken");
  expect(vi.getTimerCount()).toBe(0);
});

test("within() rejects when the time is up, and not before", async () => {
  let outcome = "waiting";
  within(never, 1_000, late).catch((error: Error) => outcome = error.message);
  await vi.advanceTimersByTimeAsync(999);
  expect(outcome).toBe("waiting");
  await vi.advanceTimersByTimeAsync(1);
  expect(outcome).toBe("late");
});

test("within() takes a time that is already over as no time", async () => {
  const outcome = expect(within(never, -5, late)).rejects.toThrow("late");
  await vi.advanceTimersByTimeAsync(0);
  await outcome;
});

test("within() rejects at once when its signal aborts, and leaves no timer behind", async () => {
  const controller = new AbortController();
  const outcome = expect(within(never, 1_000, late, controller.signal)).rejects.toThrow("late");
  controller.abort();
  await outcome;
  await expect(within(never, 1_000, late, AbortSignal.abort())).rejects.toThrow("late");
  expect(await within(Promise.resolve(7), 1_000, late, AbortSignal.abort())).toBe(7);
  expect(vi.getTimerCount()).toBe(0);
});

test("within() leaves no unhandled rejection when the work fails after its time", async () => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  try {
    const work = new Promise<never>((_, reject) => setTimeout(reject, 20, new Error("broken")));
    const outcome = expect(within(work, 10, late)).rejects.toThrow("late");
    await vi.advanceTimersByTimeAsync(30);
    await outcome;
    vi.useRealTimers();
    // Node.js looks for unhandled rejections once the microtasks are done.
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).not.toHaveBeenCalled();
  } finally {
    process.off("unhandledRejection", unhandled);
  }
});

test("pause() resolves when its time is up, and not before", async () => {
  let over = false;
  pause(1_000).then(() => over = true);
  await vi.advanceTimersByTimeAsync(999);
  expect(over).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(over).toBe(true);
});

test("pause() resolves at once when its signal aborts, and leaves no timer behind", async () => {
  const controller = new AbortController();
  const paused = pause(1_000, controller.signal);
  controller.abort();
  await paused;
  await pause(1_000, AbortSignal.abort());
  expect(vi.getTimerCount()).toBe(0);
});
