import type { WorkerOptions } from "imggo-webhooks";
import { memoryStorage } from "imggo-webhooks/storage/memory";
import { expect, test } from "vitest";
import { createWorker } from "../../src/worker.ts";
import { nothing, setUp } from "../support/worker-under-test.ts";

const create = (options: unknown) =>
  createWorker({ storage: memoryStorage(), processors: {} }, options as WorkerOptions);

const unfit: readonly [options: unknown, expected: string][] = [
  [{ concurrency: 0 }, "worker.concurrency: expected a whole number"],
  [{ concurrency: 1.5 }, "worker.concurrency: expected a whole number"],
  [{ concurrency: Infinity }, "worker.concurrency: expected a whole number"],
  [{ maxAttempts: "8" }, "worker.maxAttempts: expected a whole number"],
  [{ leaseMs: "30000" }, "worker.leaseMs: expected 1 to "],
  [{ leaseMs: 0 }, "worker.leaseMs: expected 1 to "],
  [{ timeoutMs: NaN }, "worker.timeoutMs: expected 1 to "],
  [{ timeoutMs: 2 ** 31 }, "worker.timeoutMs: expected 1 to "],
  [{ pollMs: null }, "worker.pollMs: expected 1 to "],
  [{ concurency: 5 }, "worker.concurency: expected no such option, but one of concurrency,"],
  [{ constructor: 5 }, "worker.constructor: expected no such option"],
  [{ backoff: 5 }, "worker.backoff: expected an object"],
  [{ backoff: [] }, "worker.backoff: expected an object"],
  [{ backoff: { firstMs: -1 } }, "worker.backoff.firstMs: expected 0 to "],
  [{ backoff: { maxMs: "1 h" } }, "worker.backoff.maxMs: expected 0 to "],
  [{ backoff: { factor: 2 } }, "worker.backoff.factor: expected no such option"],
  [5, "worker: expected an object"],
  [[], "worker: expected an object"],
];
for (const [options, expected] of unfit) {
  test(`createWorker() refuses ${JSON.stringify(options)}, and names the option`, () => {
    expect(() => create(options)).toThrow(TypeError);
    expect(() => create(options)).toThrow(expected);
  });
}

test("createWorker() takes options that are undefined as not given", () => {
  expect(() => create({ concurrency: undefined, backoff: { firstMs: undefined } })).not.toThrow();
  expect(() => create({ backoff: undefined })).not.toThrow();
});

test("drain() refuses a budget that is no number, and takes one without an end", async () => {
  const { worker, accept } = setUp({ processors: { a: () => {} } });
  await accept();
  await expect(worker.drain({ budgetMs: NaN })).rejects.toThrow(TypeError);
  expect(await worker.drain({ budgetMs: Infinity })).toEqual({ ...nothing, succeeded: 1 });
});
