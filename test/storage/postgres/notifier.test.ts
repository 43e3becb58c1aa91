import { expect, onTestFinished, test, vi } from "vitest";
import { createNotifier } from "../../../src/storage/postgres/notifier.ts";

test("createNotifier() tells at once, and of a burst little more, also where telling fails", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const send = vi.fn(() => Promise.resolve());
  const { notify } = createNotifier(send);
  for (let count = 0; count < 100; count++) notify();
  expect(send).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(24);
  notify();
  expect(send).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(send).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(send).toHaveBeenCalledTimes(2);

  send.mockRejectedValueOnce(new Error("by a test"));
  notify();
  await vi.advanceTimersByTimeAsync(25);
  notify();
  expect(send).toHaveBeenCalledTimes(4);
});
